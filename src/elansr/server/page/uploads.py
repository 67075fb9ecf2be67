"""What a browser sends: files that Gradio has put into our folder, each looked at before anything is done with it."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from elansr.errors import ElansrError
from elansr.server.limits import Limits, Rejected
from elansr.server.page import pictures, words
from elansr.server.page.scratch import Scratch
from elansr.server.work import rejected, safe_name

MOST_PICTURES = 50
"""That are taken at once."""
GONE = "the picture is no longer on the server, which deletes it after a while: choose it again"
LOST = "it did not reach the server: look at the connection and try again"


@dataclass(frozen=True)
class Chosen:
    """A picture that was sent.

    Attributes:
        name: as the client calls it.
        path: where it lies.
        about: what it is.
    """

    name: str
    path: Path
    about: pictures.About

    @property
    def thumbnail(self) -> Path:
        """A small JPEG of it."""
        return self.path.with_name("thumbnail.jpg")


class Sent(NamedTuple):
    """A file as the browser tells of it.

    Attributes:
        name: as the client calls it, made safe.
        size: in bytes.
        path: where Gradio has put it; None where it was not sent, or did not arrive.
    """

    name: str
    size: int
    path: Path | None


def told(message: str) -> list[Sent]:
    """The files that a browser tells of.

    Args:
        message: JSON of our script, or of somebody who plays it: a list of {"name", "bytes", "path"}.

    Raises:
        Rejected: it is something else, or too many.
    """
    try:
        sent = [_sent(row) for row in json.loads(message)]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise Rejected(422, "no_picture", "that was no upload: choose the picture again") from error
    if len(sent) > MOST_PICTURES:
        text = f"{len(sent)} files are more than the {MOST_PICTURES} that are taken at once: choose fewer"
        raise Rejected(422, "too_many_pictures", text)
    return sent


def _sent(row: Any) -> Sent:
    return Sent(safe_name(row["name"]), int(row["bytes"]), Path(row["path"]).resolve() if "path" in row else None)


class Uploads:
    """Looks at what was sent.

    Args:
        scratch: where it lies, and nothing else is looked at.
        limits: of the service.
    """

    def __init__(self, scratch: Scratch, limits: Limits) -> None:
        self._scratch, self._limits = scratch, limits

    def look(self, sent: Sent) -> tuple[str, Chosen | None]:
        """What to say of a file, as HTML, and the picture if it is one."""
        try:
            chosen = self._taken(sent)
        except ElansrError as error:
            return words.of_file(str(error), sent.name), None
        size, thumbnail = chosen.path.stat().st_size, link(chosen.thumbnail)
        return words.chosen(chosen.name, chosen.about, size, thumbnail), chosen

    def _taken(self, sent: Sent) -> Chosen:
        """Copies an upload to a folder of its own, where no other tab with the same file has a say."""
        upload = self._arrived(sent)
        self._scratch.sweep()
        folder = self._scratch.new()
        path = folder / "source"
        try:
            shutil.copyfile(upload, path)
            picture = pictures.opened(path, self._limits.max_pixels)
        except OSError as error:
            raise Rejected(422, "gone", GONE) from error
        except ElansrError as error:
            shutil.rmtree(folder)
            raise rejected(error, {path: Path(sent.name)}, self._limits) from error
        chosen = Chosen(sent.name, path, pictures.about(picture))
        pictures.thumbnail(picture, chosen.thumbnail)
        return chosen

    def _arrived(self, sent: Sent) -> Path:
        """Where an upload lies; only what lies in our folder is one."""
        if sent.size > self._limits.max_bytes:
            has, most = words.amount(sent.size), words.amount(self._limits.max_bytes)
            text = f"the file has {has}, more than the {most} that this server takes: send a smaller one"
            raise Rejected(413, "too_many_bytes", text)
        if sent.path is None:
            raise Rejected(422, "no_picture", LOST)
        if self._scratch.folder.resolve() not in sent.path.parents:
            raise Rejected(422, "no_picture", GONE)
        return sent.path


def link(path: Path) -> str:
    """Where the browser finds a file, from the page's own address."""
    return f"gradio_api/file={quote(str(path))}"
