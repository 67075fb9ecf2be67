"""Estimates how long work will take, from earlier pictures or, at first, a small picture of noise."""

import time
from threading import Lock

import numpy as np

from elansr.errors import ElansrError
from elansr.upscaling import TiledNetwork

TRIAL = 96
"""Side of the noise picture, in pixels."""
MEMORY = 0.8
"""Factor for the weight of older pictures."""


class Throughput:
    """Seconds per source pixel, which hardly depend on the scale: the network works at the size of the source.

    Large and recent pictures count more.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._seconds = self._pixels = 0.0
        self._trial = 0.0

    def count(self, seconds: float, pixels: int) -> None:
        """Counts a picture: processing seconds, and source pixels of all pages."""
        with self._lock:
            self._seconds = MEMORY * self._seconds + seconds
            self._pixels = MEMORY * self._pixels + pixels

    def seconds(self, pixels: int) -> float | None:
        """Estimated seconds for a number of pixels; None if unknown."""
        with self._lock:
            seconds_per_pixel = self._seconds / self._pixels if self._pixels else self._trial
        return seconds_per_pixel * pixels or None

    def try_out(self, upscaler: TiledNetwork) -> None:
        """Measures a first value; none if that fails, as for a model of fixed size."""
        noise = np.random.default_rng(0).integers(0, 256, (TRIAL, TRIAL, 3), dtype=np.uint8)
        try:
            upscaler(noise[: TRIAL // 2, : TRIAL // 2])  # the first run is slower
            started = time.perf_counter()
            upscaler(noise)
            self._trial = (time.perf_counter() - started) / TRIAL**2
        except ElansrError:
            pass
