"""Ray: starts or joins a cluster, gives the network to workers and collects their rows."""

import io
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import asdict, dataclass
from typing import Any

from elansr.cluster.manifest import ManifestRow, from_json, to_json
from elansr.cluster.sources import Item
from elansr.cluster.worker import Worker, WorkerConfig
from elansr.disk import delete_abandoned
from elansr.errors import ConfigError, DeviceError, ElansrError

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
import ray
import ray.data
from ray.exceptions import RayError

BLOCKS = 2000
"""The most pieces that a data set is cut into; a worker takes a piece at a time."""
REACH = 10
"""Seconds that the address of a cluster may take to answer."""
STORE = 2**28
"""Bytes of Ray's object store on this machine: only names and rows go through it."""


@dataclass(frozen=True)
class Resources:
    """What the workers of a run take.

    Attributes:
        workers: how many at most; 0 is as many as fit. From `fitted`, how many there are.
        cpus: of each.
        gpus: of each; None is one where the cluster has GPUs and the device asked for is one of them or "auto".
    """

    workers: int = 0
    cpus: int = 1
    gpus: float | None = None


@dataclass(frozen=True)
class Assignment:
    """Something for a worker to do.

    Attributes:
        kind: "chunk", all of some pictures; "share" and "join", of one that is split.
        name: unlike that of any other of the run.
        number: of the share.
        seconds: that the shares took, for the row of what is joined.
    """

    kind: str
    name: str
    items: tuple[Item, ...]
    number: int = 0
    seconds: float = 0.0


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Starts Ray on this machine, or connects to a cluster; a process that is connected already stays so.

    Raises:
        ConfigError: no cluster answers.
    """
    if ray.is_initialized():
        with quiet():
            yield
        return
    _require_answer(address)
    options: dict[str, Any] = {"address": address or "local"}
    if address is None:
        options |= {"include_dashboard": False, "object_store_memory": STORE}
    ended = signal.getsignal(signal.SIGTERM)
    with final_message(), quiet():
        try:
            started = ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **options)
        except (RayError, ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise ConfigError(f"{_called(address)}: {_line(error)}: {_remedy(address)}") from error
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, ended)  # Ray puts one there that exits without a word
        logs_matter = False
        try:
            yield
        except _GaveUpError:  # it sends to the logs
            logs_matter = True
            raise
        finally:
            ray.shutdown()
            delete_abandoned()
            if not (address or logs_matter):
                shutil.rmtree(started.address_info["session_dir"], ignore_errors=True)


def fitted(resources: Resources, device: str) -> Resources:
    """The workers that the cluster has room for.

    Raises:
        DeviceError: not for one.
    """
    there = ray.cluster_resources()
    has_gpu, wants_gpu = there.get("GPU", 0) > 0, device == "auto" or device.startswith("cuda")
    gpus = resources.gpus if resources.gpus is not None else float(has_gpu and wants_gpu)
    room = int(there.get("CPU", 0) // resources.cpus)
    if gpus:
        room = min(room, int(there.get("GPU", 0) / gpus + 1e-6))
    if room < 1:
        asked = f"{resources.cpus} CPU(s) and {gpus:g} GPU(s)"
        has = f"{there.get('CPU', 0):g} and {there.get('GPU', 0):g}"
        raise DeviceError(
            f"a worker needs {asked}, but the cluster has {has}: use smaller `cpus_per_worker` or `gpus_per_worker`"
        )
    return Resources(min(room, resources.workers or room), resources.cpus, gpus)


def attempts() -> Any:
    """What counts attempts, for all workers of a run."""
    return ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(_Attempts).remote()


def done(
    work: Sequence[Assignment], task: WorkerConfig, attempts: Any, pool: Resources, worker: type[Worker] = Worker
) -> Iterator[ManifestRow]:
    """Has the work done, in any order.

    Yields:
        Each row as soon as the worker gives it, once, whatever dies.

    Raises:
        ElansrError: what no worker can do, such as writing to the output.
    """
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.target_max_block_size = 1  # a row goes to the driver when it is there, not with the last of its chunk
    rows = [{"work": json.dumps(asdict(piece))} for piece in work]
    most = min(pool.workers, len(rows))
    results = ray.data.from_items(rows, override_num_blocks=min(len(rows), BLOCKS)).map_batches(
        _Actor,
        compute=ray.data.ActorPoolStrategy(min_size=1, initial_size=most, max_size=most),
        batch_size=None,
        num_cpus=pool.cpus,
        num_gpus=pool.gpus,
        fn_constructor_args=(task, attempts, worker),
    )
    try:
        for batch in results.iter_batches(batch_size=None, prefetch_batches=0):
            yield from (from_json(text) for text in batch["row"])
    except (RayError, RuntimeError, SystemError) as error:
        raise _ours(error) from error


def rows_of(worker: Worker, work: dict[str, Any]) -> Iterator[ManifestRow]:
    """Has a worker do an `Assignment`, as JSON has it.

    It gives as many rows in the same order each time: Ray leaves out those that it has when it does work again.
    """
    items = [Item(**item) for item in work["items"]]
    if work["kind"] == "chunk":
        yield from worker.chunk(work["name"], items)
    elif work["kind"] == "share":
        yield worker.share(work["name"], items[0], work["number"])
    else:
        yield worker.joined(work["name"], items[0], work["seconds"])


class _GaveUpError(DeviceError):
    """The cluster ended the work; its logs say why."""


class _Attempts:
    """Counts what was begun, for all workers of a run."""

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()

    def begin(self, name: str) -> int:
        self._begun[name] += 1
        return self._begun[name]


class _Actor:
    """A worker as Ray Data calls it."""

    def __init__(self, task: WorkerConfig, attempts: Any, worker: type[Worker]) -> None:
        logging.disable(logging.WARNING)
        self._worker = worker(task, lambda name: int(ray.get(attempts.begin.remote(name))))

    def __call__(self, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for text in batch["work"]:
            for row in rows_of(self._worker, json.loads(text)):
                yield {"row": [to_json(row)]}


def _require_answer(address: str | None) -> None:
    """Asks a host and port before Ray does, which tries for a minute."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), REACH).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(f"{_called(address)}: no connection ({error}): check the address") from error


def _ours(error: BaseException) -> ElansrError:
    """The error of ours behind one of Ray's, else Ray's in a line."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ElansrError):
            return cause
        cause = getattr(cause, "cause", None) or cause.__cause__
    return _GaveUpError(
        f"the cluster failed: {_line(error)}: see the Ray logs on its machines; run the same command again to continue"
    )


def _remedy(address: str | None) -> str:
    """What to do about a cluster that cannot be reached, though its port may answer."""
    if address is None or os.environ.get("RAY_AUTH_MODE"):
        return "start one with `ray start --head`"
    if address != "auto" and ":" not in address:
        return "give auto or HOST:PORT"
    return "start one with `ray start --head`; if it is running, it may require a token: set RAY_AUTH_MODE=token"


def _called(address: str | None) -> str:
    return "Ray on this machine" if address is None else f"`address={address}`"


def _line(error: BaseException) -> str:
    """The telling line of a long report: the last."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__


ENDED = (
    "error: elansr batch was killed by another program, or by Ray after it lost its cluster: run the same command "
    "again to continue\n"
)
_WATCH = "import sys; sys.stdin.buffer.read() or sys.stderr.write(sys.argv[1])"


@contextmanager
def final_message() -> Iterator[None]:
    """Starts a process that prints a line if this one is killed: Ray kills it, silently, when its cluster is gone."""
    words = [sys.executable, "-c", _WATCH, ENDED]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True) as watch:
        try:
            yield
        finally:
            with suppress(OSError):
                watch.communicate(b"ended well")


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps Ray's own news away, from whichever language: what matters of them comes as rows and errors."""
    with ExitStack() as stack:
        for name in ("ray", "ray.data"):
            logger = logging.getLogger(name)
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL)
        stack.enter_context(redirect_stdout(io.StringIO()))  # Ray prints there what the raylets say
        stack.enter_context(_own_stderr())
        yield


@contextmanager
def _own_stderr() -> Iterator[None]:
    """Lets what is not Python's write to nowhere; Python's standard error stays where it is."""
    kept, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    sys.stderr.flush()
    os.dup2(sink, 2)
    os.close(sink)
    try:
        with ExitStack() as stack:
            if _is_fd_2(sys.stderr):
                ours = stack.enter_context(open(kept, "w", buffering=1, errors="backslashreplace", closefd=False))
                stack.enter_context(redirect_stderr(ours))
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _is_fd_2(stream: Any) -> bool:
    """Whether a stream ends there, and is not what a program put in its place."""
    try:
        return bool(stream.fileno() == 2)
    except (OSError, ValueError, AttributeError):
        return False
