"""The files of the load test: valid ones with the expected result, hostile ones with the expected status."""

import io
import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from elansr.images import Picture, Pixels, read, write
from elansr.server.limits import Limits
from elansr.upscaling import (
    Extension,
    FinalSize,
    InputFile,
    Options,
    TiledNetwork,
    Upscalers,
    plan_jobs,
    upscale_files,
)

PHOTO = Path(__file__).resolve().parents[1] / "examples" / "otter.jpg"


@dataclass(frozen=True)
class Answer:
    """What came back: a status or the name of an error, the body, and when to come again."""

    status: str
    body: bytes = b""
    retry_after: float = 0.0


@dataclass(frozen=True)
class Case:
    """A file, what is asked for, and what must come back.

    Attributes:
        name: in the table.
        data: of the file.
        file_name: as the client says.
        expected: status, or "leaves" for a client that goes away.
        fields: of the form.
        result: the bytes that must come back with 200.
        seconds: that the client takes to send it.
        share: how often it is drawn, beside 1 of the others.
    """

    name: str
    data: bytes
    file_name: str
    expected: str
    fields: Mapping[str, str] = field(default_factory=dict)
    result: bytes = b""
    seconds: float = 0.0
    share: float = 1.0

    def complaint(self, answer: Answer) -> str:
        """What is wrong with an answer; "" where it is right, or says to come again."""
        if self.expected == "leaves" or answer.status == "429":
            return ""
        if answer.status != self.expected:
            return f"{answer.status} instead of {self.expected}: {answer.body[:200]!r}"
        if self.expected == "200":
            return "" if answer.body == self.result else "another picture than `elansr upscale` makes"
        error = json.loads(answer.body)["error"]
        return "" if {*error} == {"code", "message", "limit"} else f"a refusal of another shape: {error}"


def cases(folder: Path, tile: int) -> list[Case]:
    """All of them; the results of the good ones are made here, with tiles as the server has them."""
    return [*good(folder, tile), *hostile()]


def good(folder: Path, tile: int) -> list[Case]:
    """Pictures of every format; the largest takes four tiles."""
    photo = read(PHOTO).pixels
    alpha = np.dstack([photo, np.broadcast_to((np.arange(320) % 256).astype(np.uint8), (240, 320))])
    rows: list[tuple[str, tuple[Pixels, ...], dict[str, str]]] = [
        ("photo.jpg", (photo[:64, :96],), {}),
        ("photo.jpg", (photo[40:104, 80:176],), {"scale": "2", "format": "png"}),
        ("clean.png", (photo[:48, :64],), {"scale": "3"}),
        ("alpha.png", (alpha[:40, 100:150],), {"scale": "2"}),
        ("grey.png", (photo[:33, :47, :1],), {"model": "elan-light-x4-real"}),
        ("deep.tif", (photo[:32, :32].astype(np.uint16) * 257,), {"scale": "2"}),
        ("moving.gif", tuple(photo[y : y + 24, :40] for y in (0, 40, 80)), {"scale": "2"}),
        ("web.webp", (photo[:50, :50],), {"outscale": "1.5", "quality": "80"}),
        ("next.avif", (photo[:40, :40],), {"width": "100", "format": "jpg"}),
        ("old.bmp", (photo[:20, :30],), {"height": "50"}),
        ("one.png", (photo[:1, :1],), {}),
        ("large.jpg", (np.vstack([photo, photo])[:280, :300],), {"scale": "2"}),
    ]

    @lru_cache
    def cached(name: str, scale: int | None) -> TiledNetwork:
        return TiledNetwork.open(name, scale=scale, tile=tile)

    found = []
    for number, (name, pages, fields) in enumerate(rows):
        place = folder / str(number)
        place.mkdir()
        source = place / name
        write(Picture(pages, durations=(100,) * len(pages) if len(pages) > 1 else ()), source)
        size = FinalSize(_number(fields, "outscale"), _whole(fields, "width"), _whole(fields, "height"))
        upscalers = Upscalers(fields.get("model", "auto"), _whole(fields, "scale"), size, cached)
        extension: Extension = fields.get("format", "auto")  # type: ignore[assignment]
        [job] = plan_jobs([InputFile(source)], place / "results", upscalers.label, extension=extension)
        [result] = upscale_files([job], upscalers, Options(size, quality=_whole(fields, "quality")))
        if result.status != "done":
            raise ValueError(result.reason)
        asked = " ".join(f"{key}={value}" for key, value in fields.items())
        label = f"{name} {pages[0].shape[1]}x{pages[0].shape[0]} {asked}".strip()
        found.append(Case(label, source.read_bytes(), name, "200", fields, job.target.read_bytes()))
    small = found[0]
    strange = {"a name with a path": "../../etc/passwd.jpg", "a name that is a header": "a.jpg\\r\\nX-Evil: 1.jpg"}
    named = [Case(key, small.data, value, "200", {}, small.result) for key, value in strange.items()]
    slow = Case("a client that takes 30 s to send it", small.data, small.file_name, "200", {}, small.result, 30.0, 0.2)
    return [*found, *named, slow]


def hostile() -> list[Case]:
    """Files that must be refused, and clients that go away."""
    limits = Limits()
    photo = Image.open(PHOTO)
    jpeg = _saved(photo, "JPEG")
    return [
        Case("zero bytes", b"", "a.png", "422"),
        Case("an SVG", b'<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/></svg>', "a.svg", "422"),
        Case("a PDF", b"%PDF-1.7\n" + bytes(1000), "a.pdf", "422"),
        Case("a ZIP", b"PK\3\4" + bytes(1000), "a.zip", "422"),
        Case("noise", bytes(range(256)) * 100, "a.jpg", "422"),
        Case("a truncated JPEG", jpeg[: len(jpeg) // 2], "a.jpg", "422"),
        Case("a PNG of 30000x30000 in 70 bytes", bomb(30000, 30000), "a.png", "422"),
        Case("a PNG of too few rows", bomb(500, 500), "a.png", "422"),
        Case("a GIF of 2000 frames", _frames(2000), "a.gif", "422"),
        Case("one byte too many", bytes(limits.max_bytes + 1), "a.jpg", "413"),
        Case("an unknown model", jpeg, "a.jpg", "422", {"model": "../weights.pth"}),
        Case("an unknown scale", jpeg, "a.jpg", "422", {"scale": "7"}),
        Case("an unknown field", jpeg, "a.jpg", "422", {"output": "/etc/passwd"}),
        Case("two sizes", jpeg, "a.jpg", "422", {"width": "10", "height": "10"}),
        Case("a result too large", _saved(Image.new("L", (4000, 4000)), "PNG"), "a.png", "422", {"scale": "4"}),
        Case("a client that goes away", jpeg, "a.jpg", "leaves"),
        Case("an upload that does not end", jpeg, "a.jpg", "408", share=0.05),
    ]


def bomb(width: int, height: int) -> bytes:
    """A PNG that announces a size and has next to nothing of it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _frames(count: int) -> bytes:
    """A GIF of frames of 200x200 pixels that differ, or Pillow would leave them out."""
    frames = [Image.new("P", (200, 200), n % 2) for n in range(count)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], optimize=False)
    return file.getvalue()


def _saved(image: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def _whole(fields: Mapping[str, str], name: str) -> int | None:
    return int(fields[name]) if name in fields else None


def _number(fields: Mapping[str, str], name: str) -> float | None:
    return float(fields[name]) if name in fields else None
