"""Estimates how long work will take, from earlier pictures or, at first, a small picture of noise."""

import time
from threading import Lock

import numpy as np

from elansr.errors import ElansrError
from elansr.upscaling import TiledNetwork

TRIAL = 96
"""Side of the picture of noise, in pixels."""
MEMORY = 0.8
"""Weight of a picture when the next one is done."""


class Throughput:
    """Seconds a pixel of the source, which hardly depend on the scale: the network works at the size of the source.

    Large pictures count more, and so does what was done last.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._seconds = self._pixels = 0.0
        self._trial = 0.0

    def count(self, seconds: float, pixels: int) -> None:
        """Counts a picture: seconds of work, and pixels of its source, all pages counted."""
        with self._lock:
            self._seconds = MEMORY * self._seconds + seconds
            self._pixels = MEMORY * self._pixels + pixels

    def seconds(self, pixels: int) -> float | None:
        """About how long so many pixels will take; None as long as nothing is known."""
        with self._lock:
            seconds_per_pixel = self._seconds / self._pixels if self._pixels else self._trial
        return seconds_per_pixel * pixels or None

    def try_out(self, upscaler: TiledNetwork) -> None:
        """Measures a first figure; where it fails there is none, as with a model of one fixed size."""
        noise = np.random.default_rng(0).integers(0, 256, (TRIAL, TRIAL, 3), dtype=np.uint8)
        try:
            upscaler(noise[: TRIAL // 2, : TRIAL // 2])  # the first time costs more than the others
            started = time.perf_counter()
            upscaler(noise)
            self._trial = (time.perf_counter() - started) / TRIAL**2
        except ElansrError:
            pass
