"""How a picture file is compressed, as the file itself says."""

from dataclasses import dataclass
from pathlib import Path

from elansr.images import FormatName, inspect, sniff

HEAD = 64


@dataclass(frozen=True)
class Storage:
    """How a file holds its pixels.

    Attributes:
        format: by content, not by suffix.
        lossy: whether detail was given up.
        quality: of a JPEG, as libjpeg counts it, or the nearest to its tables; None for other formats.
    """

    format: FormatName
    lossy: bool
    quality: int | None


def storage_of(path: Path) -> Storage:
    """Looks into a file without decoding it.

    Raises:
        PictureError: no picture that elansr knows; the message lacks the file's name.
        OSError: the file cannot be opened.
    """
    with path.open("rb") as stream:
        name = sniff(stream.read(HEAD))
        structure = inspect(name, stream)
        return Storage(name, structure.lossy, structure.quality)
