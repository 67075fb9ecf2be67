"""Rows on disk -> file: a picture that was finished row by row is encoded without being held in memory."""

import mmap
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from elansr.errors import PictureError
from elansr.images.encoding import as_image, interpretation
from elansr.images.picture import Picture
from elansr.images.writing import write

_LET_GO = 2**23
"""Pixels that are encoded before their memory is given back."""


class Plane(NamedTuple):
    """Some channels of a picture: a file of nothing but their samples row by row, or one value for all pixels."""

    content: Path | int
    channels: int


def write_rows(
    planes: Sequence[Plane],
    picture: Picture,
    path: str | os.PathLike[str],
    *,
    quality: int | None = None,
    overwrite: bool = False,
    pyramid: bool = False,
    progress: Callable[[int, int], None],
) -> BaseException | None:
    """Writes a picture whose pixels are in files; the result appears whole or not at all.

    Args:
        planes: Its channels, in order; the first are in a file.
        picture: Everything else about it; its one page only stands in for the pixels, see `streaming.blank`.
        path, quality, overwrite, pyramid: As in `write`.
        progress: Called with the rows written and in all, as often as libvips finds time to. What it raises ends the
            writing.

    Returns:
        What `progress` raised too late, when the file was finished all the same.

    Raises:
        OutputExistsError, PictureError: As `write` does.
    """
    height, width, _ = picture.pixels.shape
    maps = [_map(plane.content) for plane in planes if isinstance(plane.content, Path)]
    image = _image(planes, maps, picture)
    watch = _Watch(image, maps, width, height, progress)
    try:
        write(picture, path, quality=quality, overwrite=overwrite, pyramid=pyramid, stored=image)
    except PictureError:
        if watch.stopped is None:
            raise
        raise watch.stopped from None
    return watch.stopped


def _map(path: Path) -> mmap.mmap:
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _image(planes: Sequence[Plane], maps: Sequence[mmap.mmap], picture: Picture) -> Any:
    height, width, channels = picture.pixels.shape
    deep, files = picture.pixels.dtype == "uint16", iter(maps)
    joined: Any = None
    for plane in planes:
        if isinstance(plane.content, int):
            joined = joined.bandjoin(plane.content)
            continue
        part = as_image(next(files), (height, width, plane.channels), deep)
        joined = part if joined is None else joined.bandjoin(part)
    return joined.copy(interpretation=interpretation(channels, deep))


class _Watch:
    """Listens to libvips at work: tells how far it is, stops it where that raises, and keeps its memory small.

    What was read of a mapped file counts as this process's memory until it is let go.
    """

    def __init__(
        self, image: Any, maps: Sequence[mmap.mmap], width: int, height: int, progress: Callable[[int, int], None]
    ) -> None:
        self._image, self._maps, self._pixels, self._height = image, maps, width * height, height
        self._progress, self._row, self._let_go = progress, 0, 0
        self.stopped: BaseException | None = None
        image.set_progress(True)
        image.signal_connect("eval", self._step)

    def _step(self, image: Any, state: Any) -> None:
        done = min(int(state.npels), self._pixels)
        try:
            self._forget(done)
            if (row := done * self._height // self._pixels) > self._row:
                self._row = row
                self._progress(row, self._height)
        except BaseException as error:  # noqa: BLE001 - raised again by `write_rows`; here it would be lost
            self.stopped = error
            image.set_kill(True)
            self._image.set_kill(True)

    def _forget(self, done: int) -> None:
        if done - self._let_go < _LET_GO or not hasattr(mmap, "MADV_DONTNEED"):
            return
        for samples in self._maps:
            samples.madvise(mmap.MADV_DONTNEED, 0, len(samples) * done // self._pixels // mmap.PAGESIZE * mmap.PAGESIZE)
        self._let_go = done
