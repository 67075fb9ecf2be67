"""Times networks in turns, so that a machine that slows down affects all of them.

Every round runs each network once. Of its latencies the median and the quartiles are reported, and of the ratios to
the first network the median over the rounds: both sides of a ratio were measured within the same round.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from elansr.errors import DeviceError
from elansr.memory import keep_freed_memory
from elansr.text import one_line

WARM_UP = 2
TARGET_SECONDS = 30.0
FEWEST_ROUNDS, MOST_ROUNDS = 5, 200

Run = Callable[[], object]
"""Runs a network once."""
T = TypeVar("T")


@dataclass(frozen=True)
class Timing:
    """The latencies of one network.

    Attributes:
        seconds: one a round, at least one.
        first: those of the first network in the same rounds.
    """

    seconds: tuple[float, ...]
    first: tuple[float, ...]

    @property
    def median(self) -> float:
        """Seconds."""
        return self.quartiles[1]

    @property
    def quartiles(self) -> tuple[float, float, float]:
        """Lower quartile, median and upper quartile in seconds, interpolated linearly."""
        lower, middle, upper = np.quantile(self.seconds, (0.25, 0.5, 0.75)).tolist()
        return lower, middle, upper

    @property
    def times_as_fast(self) -> float:
        """As the first network: 2 is half its latency. The median of the rounds' ratios."""
        ratios = [first / own for first, own in zip(self.first, self.seconds, strict=True)]
        return float(np.median(ratios))


class Stopwatch:
    """Networks that are warmed up, to be timed in turns.

    Args:
        runs: of each network, in the order in which they run.

    Attributes:
        enough: rounds that take about `TARGET_SECONDS`, from `FEWEST_ROUNDS` to `MOST_ROUNDS`.

    Raises:
        DeviceError: one cannot run on the device.
    """

    def __init__(self, runs: Sequence[Run], device: torch.device) -> None:
        keep_freed_memory()
        self._runs, self._device = runs, device
        for _ in range(WARM_UP):
            (seconds,) = self.rounds(1)
        self.enough = min(max(math.ceil(TARGET_SECONDS / sum(seconds)), FEWEST_ROUNDS), MOST_ROUNDS)

    def rounds(self, count: int) -> Iterator[tuple[float, ...]]:
        """The seconds of each network, round by round."""
        for _ in range(count):
            yield tuple(_seconds(run, self._device) for run in self._runs)


def timings(rounds: Sequence[tuple[float, ...]]) -> list[Timing]:
    """A `Timing` for each network, from rounds of `Stopwatch`, of which there is at least one."""
    columns = list(zip(*rounds, strict=True))
    return [Timing(column, columns[0]) for column in columns]


def explained(name: str, do: Callable[[], T]) -> T:
    """What `do` returns; what PyTorch reports becomes a DeviceError that names the network."""
    try:
        return do()
    # PyTorch reports all of it as RuntimeError: memory, types that a device lacks, shapes.
    except (RuntimeError, MemoryError) as error:
        raise DeviceError(
            f"{name}: failed ({one_line(error)}): use a smaller `size`, another `precision` or another `device`"
        ) from error


def _seconds(run: Run, device: torch.device) -> float:
    if device.type == "cuda":
        return _seconds_on_gpu(run, device)
    wait_for(device)
    started = time.perf_counter()
    run()
    wait_for(device)
    return time.perf_counter() - started


def _seconds_on_gpu(run: Run, device: torch.device) -> float:
    """Between two events in the stream of the GPU."""
    with torch.cuda.device(device):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        wait_for(device)
        start.record()
        run()
        end.record()
        end.synchronize()
    return start.elapsed_time(end) / 1000


def wait_for(device: torch.device) -> None:
    """Until the device has nothing left to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
