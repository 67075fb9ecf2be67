"""Imports PyAV (FFmpeg's libraries), and converts its errors to `PictureError`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from elansr.errors import ElansrError, MissingExtraError, PictureError
from elansr.text import shown

os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 bypasses FFmpeg's log and writes to stderr; errors only

try:
    import av
    import av.filter
    import av.logging
    from av import library_versions
except ImportError as missing:
    raise MissingExtraError(f"video needs {missing.name}: pip install '.[video]' in elansr's folder") from missing

__all__ = ["av", "complaints", "library_versions", "logged", "open_file"]


def open_file(path: str | os.PathLike[str], mode: str = "r", **options: Any) -> Any:
    """Opens a file with PyAV. FFmpeg mistakes a relative name with a colon, "12:30.mp4", for a URL."""
    return av.open(os.path.abspath(path), mode, **options)


@contextmanager
def complaints(path: Path, what: str, way_out: str) -> Iterator[None]:
    """Converts every error of FFmpeg or the disk to one line that starts with the path.

    Args:
        what: "cannot be read".
        way_out: "convert it to MP4".
    """
    try:
        yield
    except ElansrError:
        raise
    except (av.FFmpegError, OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise PictureError(f"{shown(path)}: {what} ({why}); {way_out}") from error


@contextmanager
def logged() -> Iterator[list[str]]:
    """Collects the errors that FFmpeg logs; they say more than its error codes."""
    before, lines = av.logging.get_level(), list[str]()
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture(local=True) as logs:
            try:
                yield lines
            finally:
                lines += [line for _, _, message in logs if (line := " ".join(message.split()))]
    finally:
        av.logging.set_level(before)
