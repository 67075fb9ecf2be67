"""Writes pictures to files or bytes, from memory or row by row.

libvips encodes every format but BMP, which Pillow does. What a format cannot hold is settled here: alpha is laid on
white in JPEG and BMP; 16 bits are rounded to 8 in JPEG, WebP, GIF and BMP, to 12 in AVIF; colours that the format
cannot describe are converted to sRGB (all in GIF and BMP, grey with a profile in WebP and AVIF, HDR but in PNG and
AVIF); GIF and BMP lose EXIF and XMP; a TIFF loses the durations of an animation. `losses` names all that.
"""

import io
import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyvips

from elansr.arguments import require_path, require_whole
from elansr.disk import atomic_file, require_free, writing_errors
from elansr.errors import PictureError
from elansr.images import metadata
from elansr.images.colour.colour_tags import to_chunks
from elansr.images.converting import adapted, as_image, interpretation, joined
from elansr.images.decoding import decoder_reason
from elansr.images.formats import FORMATS, FormatName, format_named, format_of_suffix
from elansr.images.metadata import Metadata
from elansr.images.metadata.boxes import PLACEHOLDER, set_cicp
from elansr.images.picture import Picture
from elansr.images.png_chunks import set_chunks
from elansr.text import shown

_DEFAULT_QUALITY: dict[FormatName, int] = {"jpeg": 95, "webp": 95, "avif": 90}

_BIG_TIFF = 3_500_000_000  # bytes of samples, of all levels of a pyramid; a plain TIFF ends at 4 GiB
_TILED_TIFF = 2**30  # bytes of samples from which on programs will want to open a part of it
_TILES = {"tile": True, "tile_width": 256, "tile_height": 256}
_WEBP_LOSSLESS = {"lossless": True, "exact": True, "effort": 2}
_KEEP_ALL, _KEEP_EXIF = 31, 1  # libvips' VipsForeignKeep
_PROBE, _BLOCK = 2**21, 2**12  # bytes that a disk is asked for after an encoder could not write, and at a time
_USUAL_DPI = (72.0, 72.0)  # what programs take a file without a resolution for
_STILL_FRAME = 100  # milliseconds that pages without durations show in an animation
_LET_GO = 2**23  # pixels of files on the disk that are encoded before their memory is given back


def write(
    picture: Picture,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002 - the word the command line and Pillow use
    quality: int | None = None,
    overwrite: bool = False,
    pyramid: bool = False,
    name: str | None = None,
) -> None:
    """Writes a picture; the file appears whole or not at all.

    Args:
        picture: What to write, with its profile, EXIF, XMP and resolution. In lossless files, colours under
            alpha 0 become 0.
        path: The file; its suffix decides the format unless `format` does.
        format: A name such as "jpeg" or "tif".
        quality: 1-100 for JPEG (default 95, no chroma subsampling), WebP (95) and AVIF (90); 100 is lossless in WebP
            and AVIF, and the default there for a picture that came as lossless WebP or AVIF. PNG, TIFF, BMP and GIF
            have no such setting and ignore it.
        overwrite: Whether to replace a file that is already there.
        pyramid: Whether a TIFF gets tiles and smaller copies, so that a viewer opens any part of it at once.
        name: What errors call the file; the path if None.

    Raises:
        OutputExistsError: The file is there and `overwrite` is off.
        ConfigError: A quality out of its range.
        PictureError: The format is unknown or cannot hold the picture, or the file cannot be written.
    """
    _write(picture, require_path("path", path), format, quality, overwrite, pyramid, name)


def encode(
    picture: Picture,
    format: str,  # noqa: A002
    *,
    quality: int | None = None,
    pyramid: bool = False,
    name: str = "the picture",
) -> bytes:
    """The bytes of the file that `write` would write.

    Args:
        picture, format, quality, pyramid: As in `write`.
        name: What errors call the picture.

    Raises:
        PictureError: The format is unknown or cannot hold the picture.
    """
    kind = check_format(format, size=_size(picture), pages=len(picture.pages), pyramid=pyramid, name=name)
    number = _quality(quality, kind, picture)
    with _encoding_errors(name):
        file = io.BytesIO()
        _encode(joined(picture), picture, kind, number, file, pyramid)
        return file.getvalue()


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
    name: str | None = None,
    progress: Callable[[int, int], None],
) -> BaseException | None:
    """Writes a picture whose pixels are in files, without holding it in memory; it appears whole or not at all.

    Args:
        planes: Its colours, in a file, and its alpha if it has one.
        picture: Everything else about it; its one page only stands in for the pixels, see `blank`.
        path, quality, overwrite, pyramid, name: As in `write`.
        progress: Called with the rows written and in all, as often as libvips finds time to. What it raises ends the
            writing.

    Returns:
        What `progress` raised too late, when the file was finished all the same.

    Raises:
        OutputExistsError, PictureError: As `write` does.
    """
    height, width, _ = picture.pixels.shape
    maps = [_map(plane.content) for plane in planes if isinstance(plane.content, Path)]
    image = _from_planes(planes, maps, picture)
    watch = _Watch(image, maps, width, height, progress)
    try:
        _write(picture, Path(path), None, quality, overwrite, pyramid, name, image)
    except PictureError:
        if watch.stopped is None:
            raise
        raise watch.stopped from None
    return watch.stopped


def check_output(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002
    size: tuple[int, int] | None = None,
    pages: int = 1,
    overwrite: bool = False,
    pyramid: bool = False,
    name: str | None = None,
) -> FormatName:
    """Checks before the work what `write` would refuse after it.

    Args:
        path, format, overwrite, name: As in `write`.
        size, pages, pyramid: As in `check_format`.

    Returns:
        The format that the file will have.

    Raises:
        OutputExistsError: The file is there and `overwrite` is off.
        ConfigError: A quality out of its range.
        PictureError: The format is unknown or cannot hold such a picture, or the folder is not there.
    """
    name = name or shown(path)
    kind = check_format(format or format_of_suffix(path), size=size, pages=pages, pyramid=pyramid, name=name)
    check_place(Path(path), overwrite, name)
    return kind


def check_format(
    format: str,  # noqa: A002
    *,
    size: tuple[int, int] | None = None,
    pages: int = 1,
    pyramid: bool = False,
    name: str = "the picture",
) -> FormatName:
    """Checks before the work what `encode` would refuse after it.

    Args:
        format: As in `encode`.
        size: Width and height in pixels, if known.
        pages: How many pages or frames there will be.
        pyramid: As in `write`.
        name: What errors call the picture.

    Returns:
        The format.

    Raises:
        PictureError: The format is unknown or cannot hold such a picture.
    """
    kind = format_named(format)
    row = FORMATS[kind]
    if pages > 1 and not row.many:
        raise PictureError(f"{name}: {kind.upper()} cannot hold {pages} pages; write .gif, .webp or .tif")
    if pyramid and (kind != "tiff" or pages > 1):
        what = f"{pages} pages" if kind == "tiff" else kind.upper()
        raise PictureError(f"{name}: {what}, but a pyramid is a TIFF with one page; omit `pyramid`")
    if size and max(size) > row.longest:
        text = f"{size[0]} x {size[1]} pixels are too large for {kind.upper()}, whose sides are at most {row.longest}"
        raise PictureError(f"{name}: {text}; write .png or .tif")
    return kind


def check_place(path: Path, overwrite: bool, name: str | None = None) -> None:
    """Refuses a path that is a folder, lies in none that may be written to, or is taken; errors call it `name`.

    Raises:
        OutputExistsError: It is taken and `overwrite` is off.
        PictureError: The others.
    """
    with writing_errors(path, PictureError, name):
        require_free(path, overwrite)
        if not path.parent.is_dir():
            raise FileNotFoundError(path)
        if not os.access(path.parent, os.W_OK):
            raise PermissionError(path)


def _write(
    picture: Picture,
    path: Path,
    to: str | None,
    quality: int | None,
    overwrite: bool,
    pyramid: bool,
    name: str | None,
    image: Any = None,
) -> None:
    """Writes a picture, whose pixels may be those of a libvips image instead."""
    size, pages = _size(picture), len(picture.pages)
    kind = check_output(path, format=to, size=size, pages=pages, overwrite=overwrite, pyramid=pyramid, name=name)
    number = _quality(quality, kind, picture)
    name = name or shown(path)
    problems = writing_errors(path, PictureError, name)
    with problems, _encoding_errors(name), atomic_file(path, overwrite=overwrite) as file, _disk_errors(file):
        _encode(joined(picture) if image is None else image, picture, kind, number, file, pyramid)


def _size(picture: Picture) -> tuple[int, int]:
    if not isinstance(picture, Picture):
        raise PictureError(f"a {type(picture).__name__}: must be a Picture, such as elansr.Picture((array,))")
    height, width = picture.pages[0].shape[:2]
    return width, height


def _quality(quality: int | None, kind: FormatName, picture: Picture) -> int:
    """The quality that was asked for, or that suits; what came as lossless WebP or AVIF stays lossless there."""
    if quality is not None:
        require_whole("quality", quality, least=1, most=100)
    if quality is None and not picture.lossy and {kind, picture.format} <= {"webp", "avif"}:
        return 100
    return quality or _DEFAULT_QUALITY.get(kind, 100)


@contextmanager
def _encoding_errors(name: str) -> Iterator[None]:
    """Turns what an encoder says into one line that starts with the name."""
    try:
        yield
    except (ValueError, pyvips.Error) as error:
        raise PictureError(f"{name}: cannot be written ({decoder_reason(error)}); check the disk") from error


@contextmanager
def _disk_errors(file: BinaryIO) -> Iterator[None]:
    """Raises the OSError of a disk that takes no more; an encoder only says that it could not write."""
    try:
        yield
    except pyvips.Error:
        os.lseek(file.fileno(), 0, os.SEEK_END)
        for _ in range(_PROBE // _BLOCK):  # a few bytes may still fit where the encoder's many did not
            os.write(file.fileno(), bytes(_BLOCK))
        raise


def _encode(image: Any, picture: Picture, name: FormatName, quality: int, file: BinaryIO, pyramid: bool) -> None:
    """Writes into an empty file, open for reading and writing; otherwise as `_write`."""
    pyvips.vips_lib.vips_error_clear()
    image, icc = adapted(image, picture, name, lossless=_is_lossless(name, quality))
    if name == "bmp":
        from PIL import Image  # here, because it takes longer to import than all the rest

        pixels = image.numpy().reshape(image.height, image.width, image.bands)
        Image.fromarray(pixels if image.bands == 3 else pixels[..., 0]).save(file, "BMP", dpi=picture.dpi or (0, 0))
        return
    what, _ = metadata.held(picture.metadata, name)
    what = replace(what, exif=metadata.exif_for(name, what.exif, _size(picture), picture.dpi))
    in_memory = isinstance(file, io.BytesIO)
    target = pyvips.Target.new_to_memory() if in_memory else pyvips.Target.new_to_descriptor(file.fileno())
    saver, options = _saver(name, quality, image, pyramid)
    keep = _KEEP_ALL if what.exif and name == "avif" else _KEEP_ALL & ~_KEEP_EXIF
    alpha = bool(image.hasalpha())
    pyvips.Operation.call(saver, _with_metadata(image, picture, icc, name, what), target, keep=keep, **options)
    if in_memory:
        file.write(target.get("blob"))
    if name == "png":
        set_chunks(file, to_chunks(picture.colour))
    metadata.write(file, name, what, _size(picture), picture.dpi, alpha=alpha, pages=len(picture.pages))
    if name == "avif" and picture.colour.cicp and picture.colour.counts:
        set_cicp(file, picture.colour.cicp)


def _is_lossless(name: FormatName, quality: int) -> bool:
    return quality == 100 or name not in _DEFAULT_QUALITY


def _saver(name: FormatName, quality: int, image: Any, pyramid: bool) -> tuple[str, dict[str, Any]]:
    """The operation of libvips that writes a format, and its options; the comments say what was measured."""
    lossless, deep = quality == 100, image.format == "ushort"
    savers: dict[FormatName, tuple[str, dict[str, Any]]] = {
        "jpeg": ("jpegsave_target", {"Q": quality, "subsample_mode": "off"}),
        # against libvips' defaults: photos 40 % smaller in the same time
        "png": ("pngsave_target", {"filter": "all", "compression": 4}),
        "webp": ("webpsave_target", _WEBP_LOSSLESS if lossless else {"Q": quality, "smart_subsample": True}),
        "tiff": ("tiffsave_target", _tiff(image, pyramid)),
        "gif": ("gifsave_target", {"keep_duplicate_frames": True, "effort": 4}),
        "avif": ("heifsave_target", _avif(quality, lossless, deep)),
    }
    return savers[name]


def _tiff(image: Any, pyramid: bool) -> dict[str, Any]:
    size = image.width * image.height * image.bands * (2 if image.format == "ushort" else 1)
    tiles = _TILES if pyramid or size > _TILED_TIFF else {}
    big = size * 4 // 3 > _BIG_TIFF if pyramid else size > _BIG_TIFF
    return {"compression": "deflate", "predictor": "horizontal", "bigtiff": big, "pyramid": pyramid, **tiles}


def _avif(quality: int, lossless: bool, deep: bool) -> dict[str, Any]:
    """Options for AVIF. At effort 4, libvips' default, the encoder takes 10 times as long for the same size."""
    loss = {"lossless": True} if lossless else {"Q": quality, "subsample_mode": "off"}
    return {"compression": "av1", "effort": 3, "bitdepth": 12 if deep else 8, **loss}


def _with_metadata(image: Any, picture: Picture, icc: bytes | None, name: FormatName, what: Metadata) -> Any:
    """The image with what libvips writes as it is; the rest is added to its file."""
    dpi = picture.dpi or _USUAL_DPI
    image = image.copy(xres=dpi[0] / 25.4, yres=dpi[1] / 25.4)
    image.set_type(pyvips.GValue.gstr_type, "resolution-unit", "cm" if _in_centimetres(dpi) else "in")
    if len(picture.pages) > 1:
        durations = picture.durations or (_STILL_FRAME,) * len(picture.pages)
        image.set_type(pyvips.GValue.gint_type, "page-height", picture.pages[0].shape[0])
        image.set_type(pyvips.GValue.array_int_type, "delay", list(durations))
        image.set_type(pyvips.GValue.gint_type, "loop", picture.loops)
    blobs = {
        "icc-profile-data": icc if FORMATS[name].metadata else None,
        "exif-data": PLACEHOLDER if what.exif and name == "avif" else None,
        "xmp-data": what.xmp if name in ("webp", "avif", "tiff") else None,
    }
    for field, blob in blobs.items():
        if blob:
            image.set_type(pyvips.GValue.blob_type, field, blob)
    return image


def _in_centimetres(dpi: tuple[float, float]) -> bool:
    """Whether a resolution is of whole numbers per centimetre and not per inch."""
    return any(value % 1 for value in dpi) and all(abs(value / 2.54 - round(value / 2.54)) < 0.005 for value in dpi)


def _map(path: Path) -> mmap.mmap:
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _from_planes(planes: Sequence[Plane], maps: Sequence[mmap.mmap], picture: Picture) -> Any:
    height, width, channels = picture.pixels.shape
    deep, files = picture.pixels.dtype == "uint16", iter(maps)
    image: Any = None
    for plane in planes:
        if isinstance(plane.content, int):
            image = image.bandjoin(plane.content)
            continue
        part = as_image(next(files), (height, width, plane.channels), deep)
        image = part if image is None else image.bandjoin(part)
    return image.copy(interpretation=interpretation(channels, deep))


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
