"""Loads `elansr serve` with good and hostile files: `python -m tools.load_test --clients 32 --minutes 5`.

A server of its own is started on a free port. Every picture that comes back is compared, byte for byte, with what
`elansr upscale` makes of the same file; every refusal with the status it must have. Memory, threads and open files of
the server are read from /proc once a second. Printed are tables in Markdown; the exit code is 1 where an answer was
wrong, or where memory grew: the median of the last fifth of the time more than 5 % above that of the second fifth.
"""

import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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


def client(number: int, server: Server, known: Sequence[Case], until: float, tally: Tally) -> None:
    """Sends one file after the other until the time is over."""
    draw = random.Random(number)
    while time.monotonic() < until:
        case = draw.choice(known)
        answer = ask(server, case, draw)
        tally.add(case, answer.status, case.complaint(answer))
        if answer.status == "429":
            time.sleep(min(answer.retry_after, 1.0))


def watch(process: int, until: float, samples: list[Sample]) -> None:
    """Looks at the server once a second."""
    started = time.monotonic()
    while time.monotonic() < until:
        samples.append(sampled(process, time.monotonic() - started))
        time.sleep(1)


def sampled(process: int, seconds: float) -> Sample:
    """What /proc says now."""
    status = Path(f"/proc/{process}/status").read_text()
    fields = {name: int(value) for name, value in re.findall(r"^(VmRSS|Threads):\s+(\d+)", status, re.MULTILINE)}
    files = len(list(Path(f"/proc/{process}/fd").iterdir()))
    return Sample(seconds, fields["VmRSS"] / 1024, fields["Threads"], files)


@contextmanager
def served(log: Path) -> Iterator[tuple[Server, "subprocess.Popen[str]"]]:
    """A server of our own."""
    command = [sys.executable, "-m", "elansr", "serve", "--port", "0", "--no-page", "--queue", str(QUEUE)]
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            found = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline() if process.stdout else "")
            if not found:
                raise SystemExit(f"the server did not start: {log.read_text()}")
            yield Server("127.0.0.1", int(found[1])), process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)


def run(clients: int, seconds: float, known: Sequence[Case], log: Path) -> tuple[Tally, list[Sample], int]:
    """The load; what was counted, what was seen, and how the server ended."""
    tally, samples = Tally(), list[Sample]()
    with served(log) as (server, process):
        until = time.monotonic() + seconds
        jobs: list[tuple[Callable[..., None], tuple[object, ...]]] = [(watch, (process.pid, until, samples))]
        jobs += [(client, (number, server, known, until, tally)) for number in range(clients)]
        threads = [Thread(target=job, args=arguments, daemon=True) for job, arguments in jobs]
        for thread in threads:
            thread.start()
        for thread in track(threads, "clients done"):
            thread.join()
    return tally, samples, process.returncode


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
    return [samples[a:b] for a, b in pairwise(cuts)]


def grew(samples: Sequence[Sample]) -> bool:
    """Whether memory is higher at the end than after the warm-up, which is the first fifth."""
    middle = [median(sample.memory for sample in part) for part in parts(samples)]
    return middle[-1] > GROWTH * middle[1]


def main(
    clients: Annotated[int, typer.Option(min=1)] = 32,
    minutes: Annotated[float, typer.Option(min=0.05)] = 5.0,
) -> None:
    """Runs the load and prints what came of it."""
    with TemporaryDirectory() as folder:
        log = Path(folder, "server.log")
        known = cases(Path(folder), TILE)
        tally, samples, code = run(clients, minutes * 60, known, log)
        typer.echo(f"{clients} clients, {minutes:g} minutes, {sum(tally.statuses.values())} requests\n")
        typer.echo(f"{table_of_answers(tally, known)}\n\n{table_of_memory(samples)}\n")
        typer.echo(f"wrong answers: {len(tally.wrong)}; the server ended with {code} on SIGTERM; its log:")
        typer.echo(log.read_text() or "(empty)")
        for line in sorted(set(tally.wrong))[:20]:
            typer.echo(f"- {line}")
    if grew(samples):
        typer.echo("memory grew")
    raise typer.Exit(bool(tally.wrong or code or grew(samples)))


if __name__ == "__main__":
    typer.run(main)
