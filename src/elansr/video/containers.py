"""The containers that videos are written to, and what fits into each: looked at before the work."""

import io
from pathlib import Path
from typing import Any

from elansr.errors import PictureError
from elansr.text import shown
from elansr.video.libav import av

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""FFmpeg's name of the container, by the ending."""
MOST = "matroska"
"""The one that takes most."""
TURNING = ("mp4", "mov")
"""Those that carry a display matrix which players heed."""


def container_of(target: Path) -> str:
    """FFmpeg's name of the container that a file's ending asks for.

    Raises:
        PictureError: it asks for none of ours.
    """
    name = CONTAINERS.get(target.suffix.lower())
    if name is None:
        raise PictureError(f"{shown(target)}: the ending {target.suffix!r} is none of {', '.join(CONTAINERS)}")
    return name


def fits(codec: str) -> bool:
    """Whether one of the containers takes an encoder."""
    return any(takes(name, codec) for name in dict.fromkeys(CONTAINERS.values()))


def takes(container: str, codec: str) -> bool:
    """Whether a container takes an encoder."""
    try:
        scratch(container).add_stream(codec)
    except ValueError:
        return False
    return True


def scratch(container: str) -> Any:
    """An empty file of that kind in memory."""
    return av.open(io.BytesIO(), "w", format=container)
