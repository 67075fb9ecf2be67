"""Loads `elansr serve` with good, hostile and slow clients: `python -m tools.load_test --minutes 60 --kills 5`.

A server of its own is started, with the page and a temporary folder of its own. Every picture that comes back is
compared, byte for byte, with what `elansr upscale` makes of the same file; every refusal with the status it must have.
In the first half of the time the server is killed by SIGKILL and started again, at regular distances; only then may a
connection break. Memory, threads and open files are read from /proc once a second.

Printed are tables in Markdown. The exit code is 1 where an answer was wrong, where the temporary folder is not empty at
the end, or where memory grew: the median of the last fifth of the time since the last start more than 5 % above that of
the second fifth.
"""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Lock, Thread
from typing import Annotated, NamedTuple

import typer
from rich.progress import track

from elansr.server.service import TILE
from tools.load_cases import Case, cases
from tools.load_client import Server, ask

QUEUE = 20
"""Fewer places than clients, so that some are told to come again."""
GROWTH = 1.05
PARTS = 5


class Sample(NamedTuple):
    """What /proc says about the server: seconds since the start, MiB of memory, threads, open files."""

    seconds: float
    memory: float
    threads: int
    files: int


class Tally:
    """Counts answers, by case."""

    def __init__(self) -> None:
        self.statuses: Counter[tuple[str, str]] = Counter()
        self.wrong: list[str] = []
        self._lock = Lock()

    def add(self, case: Case, status: str, complaint: str) -> None:
        """Counts one."""
        with self._lock:
            self.statuses[case.name, status] += 1
            if complaint:
                self.wrong.append(f"{case.name}: {complaint}")


class OwnServer:
    """A server that can be killed and started again, at the same address.

    Attributes:
        place: where it listens.
        samples: since its last start.
        downs: when it was killed, and when it was there again.
    """

    def __init__(self, log: Path, temporary: Path) -> None:
        self._log, self._temporary = log.open("a"), temporary
        self.place, self.samples, self.downs = Server("127.0.0.1", 0), list[Sample](), list[tuple[float, float]]()
        self._process = self._start()

    def kill(self) -> None:
        """Kills it by SIGKILL and starts it again."""
        began = time.monotonic()
        self.downs.append((began, float("inf")))
        self._process.kill()
        self._process.wait()
        self._process = self._start()
        self.downs[-1] = began, time.monotonic()

    def end(self) -> int:
        """Ends it by SIGTERM; returns its exit code."""
        self._process.send_signal(signal.SIGTERM)
        self._log.close()
        return self._process.wait(120)

    def was_down(self, since: float) -> bool:
        """Whether it was killed or away at a time since then."""
        return any(back >= since for _, back in self.downs)

    def watch(self, until: float) -> None:
        """Looks at it once a second."""
        while time.monotonic() < until:
            with suppress(OSError, KeyError):  # it was killed just now
                self.samples.append(sampled(self._process.pid, time.monotonic() - self._started))
            time.sleep(1)

    def _start(self) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "elansr", "serve", "--port", str(self.place.port), "--queue", str(QUEUE)]
        environment = {**os.environ, "TMPDIR": str(self._temporary)}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, text=True, env=environment)
        found = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline() if process.stdout else "")
        if not found:
            raise SystemExit(f"the server did not start: {Path(self._log.name).read_text()}")
        self.place, self.samples, self._started = Server("127.0.0.1", int(found[1])), [], time.monotonic()
        return process


def client(number: int, server: OwnServer, known: Sequence[Case], until: float, tally: Tally) -> None:
    """Sends one file after the other until the time is over."""
    draw = random.Random(number)
    while time.monotonic() < until:
        [case] = draw.choices(known, [case.share for case in known])
        began = time.monotonic()
        answer = ask(server.place, case, draw)
        if not answer.status.isdigit() and answer.status != "left" and server.was_down(began):
            tally.add(case, "killed", "")
            time.sleep(0.5)
            continue
        tally.add(case, answer.status, case.complaint(answer))
        if answer.status == "429":
            time.sleep(min(answer.retry_after, 1.0))


def sampled(process: int, seconds: float) -> Sample:
    """What /proc says now."""
    status = Path(f"/proc/{process}/status").read_text()
    fields = {name: int(value) for name, value in re.findall(r"^(VmRSS|Threads):\s+(\d+)", status, re.MULTILINE)}
    files = len(list(Path(f"/proc/{process}/fd").iterdir()))
    return Sample(seconds, fields["VmRSS"] / 1024, fields["Threads"], files)


def run(clients: int, seconds: float, kills: int, known: Sequence[Case], server: OwnServer) -> Tally:
    """The load."""
    tally, began = Tally(), time.monotonic()
    until = began + seconds
    threads = [Thread(target=server.watch, args=(until,), daemon=True)]
    threads += [
        Thread(target=client, args=(number, server, known, until, tally), daemon=True) for number in range(clients)
    ]
    for thread in threads:
        thread.start()
    for number in range(kills):
        time.sleep(max(0.0, began + (number + 1) * seconds / (2 * kills) - time.monotonic()))
        server.kill()
    for thread in track(threads, "clients done"):
        thread.join()
    return tally


def table_of_answers(tally: Tally, known: Sequence[Case]) -> str:
    """One row a case."""
    rows = ["| file | must be | answers |", "|---|---|---|"]
    for case in known:
        found = {status: count for (name, status), count in sorted(tally.statuses.items()) if name == case.name}
        rows.append(f"| {case.name} | {case.expected} | {', '.join(f'{k}: {v}' for k, v in found.items())} |")
    return "\n".join(rows)


def table_of_memory(samples: Sequence[Sample]) -> str:
    """One row for each fifth of the time."""
    rows = ["| seconds | median RSS, MiB | largest | threads | open files |", "|---|---|---|---|---|"]
    for part in parts(samples):
        memory = [sample.memory for sample in part]
        span = f"{part[0].seconds:.0f} to {part[-1].seconds:.0f}"
        most = max(sample.threads for sample in part), max(sample.files for sample in part)
        rows.append(f"| {span} | {median(memory):.0f} | {max(memory):.0f} | {most[0]} | {most[1]} |")
    return "\n".join(rows)


def parts(samples: Sequence[Sample]) -> list[Sequence[Sample]]:
    """The samples in five near-equal parts."""
    cuts = [len(samples) * n // PARTS for n in range(PARTS + 1)]
    return [samples[a:b] for a, b in pairwise(cuts) if b > a]


def grew(samples: Sequence[Sample]) -> bool:
    """Whether memory is higher at the end than after the warm-up, which is the first fifth."""
    middle = [median(sample.memory for sample in part) for part in parts(samples)]
    return len(middle) == PARTS and middle[-1] > GROWTH * middle[1]


def main(
    clients: Annotated[int, typer.Option(min=1)] = 32,
    minutes: Annotated[float, typer.Option(min=0.05)] = 5.0,
    kills: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Runs the load and prints what came of it."""
    with TemporaryDirectory() as folder:
        log, temporary = Path(folder, "server.log"), Path(folder, "tmp")
        temporary.mkdir()
        known = cases(Path(folder), TILE)
        server = OwnServer(log, temporary)
        tally = run(clients, minutes * 60, kills, known, server)
        code, left, samples = server.end(), sorted(path.name for path in temporary.iterdir()), server.samples
        number = sum(tally.statuses.values())
        typer.echo(f"{clients} clients, {minutes:g} minutes, {number} requests, killed {len(server.downs)} times\n")
        typer.echo(f"{table_of_answers(tally, known)}\n\n{table_of_memory(samples)}\n")
        typer.echo(
            f"wrong answers: {len(tally.wrong)}; the server ended with {code} on SIGTERM; left: {left}; its log:"
        )
        typer.echo(log.read_text() or "(empty)")
        for line in sorted(set(tally.wrong))[:20]:
            typer.echo(f"- {line}")
    if grew(samples):
        typer.echo("memory grew")
    raise typer.Exit(bool(tally.wrong or code or left or grew(samples)))


if __name__ == "__main__":
    typer.run(main)
