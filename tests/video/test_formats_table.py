"""Every cell of the table of videos in docs/formats.md: made by FFmpeg's program, upscaled, read by ffprobe."""

import json
import re
import shutil
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from elansr.video import Encoding, VideoFile, upscale_video
from tests.video.clips import Nearest, turned

PAGE = Path(__file__).resolve().parents[2] / "docs" / "formats.md"
KEPT, ADJUSTED, DROPPED = "kept", "adjusted", "dropped"
SOURCE = "-f lavfi -i testsrc2=s=96x64:r=30:d=0.2 -c:v libx264 -bf 0"
QUARTER = (0, 1 << 16, 0, -(1 << 16), 0, 0, 64 << 16, 0, 1 << 30)

Probe = dict[str, Any]
"""What `ffprobe -show_format -show_streams -show_frames -show_chapters` says."""


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        make: writes a video that has the thing, and returns its path.
        found: what a result has of it; None if nothing.
        kept, true: what `found` is to return in cells that say so.
    """

    make: Callable[[Path], Path]
    found: Callable[[Probe], object]
    kept: object
    true: object = None


def ffmpeg(target: Path, arguments: str) -> Path:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments.split(), str(target)], check=True)
    return target


def captions(folder: Path) -> Path:
    """H.264 with a pair of CEA-608 bytes in an SEI before every picture (ATSC A/53 part 4)."""
    plain = ffmpeg(folder / "plain.h264", f"{SOURCE} -x264-params aud=1").read_bytes()
    starts = [(found.start(), found.end()) for found in re.finditer(b"\0{2,3}\1", plain)]
    pairs, made = b"\x94\x20\x94\x70\xc8\x45\x4c\x4c\x4f\x80\x94\x2f", b""
    for number, (_, start) in enumerate(starts):
        end = starts[number + 1][0] if number + 1 < len(starts) else len(plain)
        if plain[start] & 31 in (1, 5):
            pair = pairs[number % 6 * 2 :][:2]
            content = b"\xb5\0\x31GA94\3\x41\xff\xfc" + pair + b"\xff"
            made += b"\0\0\0\1\6" + bytes([4, len(content)]) + content + b"\x80"
        made += b"\0\0\0\1" + plain[start:end]
    (folder / "captions.h264").write_bytes(made)
    return ffmpeg(folder / "captions.mp4", f"-r 30 -i {folder}/captions.h264 -c copy")


def sphere(folder: Path) -> Path:
    """An `sv3d` box in the sample entry; the table is behind the data, which so does not move."""
    path = ffmpeg(folder / "sphere.mp4", SOURCE)
    data = bytearray(path.read_bytes())

    def box(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content) + 8) + kind + content

    projection = box(b"proj", box(b"prhd", bytes(16)) + box(b"equi", bytes(20)))
    added = box(b"sv3d", box(b"svhd", bytes(4) + b"x\0") + projection)
    entry, place = data.index(b"avc1", data.index(b"stsd")) - 4, 0
    (size,) = struct.unpack(">I", data[entry : entry + 4])
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        place = data.index(kind, place) - 4
        data[place : place + 4] = struct.pack(">I", struct.unpack(">I", data[place : place + 4])[0] + len(added))
        place += 8
    data[entry + size : entry + size] = added
    path.write_bytes(data)
    return path


def chapters(folder: Path) -> Path:
    text = ";FFMETADATA1\n" + "".join(
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={n * 100}\nEND={n * 100 + 100}\ntitle=part {n}\n" for n in range(2)
    )
    (folder / "chapters.txt").write_text(text)
    return ffmpeg(
        folder / "chapters.mkv", f"{SOURCE.replace('-c:v', f'-i {folder}/chapters.txt -map_chapters 1 -c:v')}"
    )


def video(probe: Probe) -> Probe:
    return next(stream for stream in probe["streams"] if stream["codec_type"] == "video")


def side_data(probe: Probe, where: str, kind: str, field: str) -> object:
    """A field of the first side data of a kind."""
    for part in probe[where]:
        for data in part.get("side_data_list", []):
            if data["side_data_type"] == kind:
                return data.get(field, True)
    return None


def tag(name: str) -> Callable[[Probe], object]:
    return lambda probe: {key.lower(): value for key, value in probe["format"]["tags"].items()}.get(name)


def shape(probe: Probe) -> object:
    """Width and height as stored, and how a player turns them."""
    stream = video(probe)
    return stream["width"], stream["height"], side_data(probe, "streams", "Display Matrix", "rotation")


MAKE = "com.apple.quicktime.make"
ROWS = {
    "Captions (CEA-608, CEA-708)": Row(
        captions,
        lambda probe: (
            sum(any("Captions" in d["side_data_type"] for d in f.get("side_data_list", [])) for f in probe["frames"])
            or None
        ),
        6,
    ),
    "3D, side by side": Row(
        lambda folder: ffmpeg(folder / "3d.mp4", f"{SOURCE} -x264-params frame-packing=3"),
        lambda probe: side_data(probe, "streams", "Stereo 3D", "type"),
        "side by side",
    ),
    "360 degrees": Row(
        sphere, lambda probe: side_data(probe, "streams", "Spherical Mapping", "projection"), "equirectangular"
    ),
    "Tags of cameras (QuickTime)": Row(
        lambda folder: ffmpeg(folder / "phone.mov", f"{SOURCE} -movflags use_metadata_tags -metadata {MAKE}=Maker"),
        tag(MAKE),
        "Maker",
    ),
    "Title": Row(lambda folder: ffmpeg(folder / "title.mp4", f"{SOURCE} -metadata title=Sea"), tag("title"), "Sea"),
    "Other tags": Row(
        lambda folder: ffmpeg(folder / "tags.mkv", f"{SOURCE} -metadata weather=rain"), tag("weather"), "rain"
    ),
    "Chapters": Row(
        chapters,
        lambda probe: [(c["start_time"][:5], c["tags"]["title"]) for c in probe["chapters"]] or None,
        [("0.000", "part 0"), ("0.100", "part 1")],
    ),
    "Rotation": Row(
        lambda folder: turned(ffmpeg(folder / "turned.mp4", SOURCE), QUARTER), shape, (192, 128, -90), (128, 192, None)
    ),
    "Transparency": Row(
        lambda folder: ffmpeg(
            folder / "alpha.webm", "-f lavfi -i testsrc2=s=96x64:d=0.2,format=yuva420p -c:v libvpx-vp9 -cpu-used 8"
        ),
        lambda probe: video(probe).get("tags", {}).get("alpha_mode"),
        "1",
    ),
}


def table() -> dict[tuple[str, str], str]:
    page = PAGE.read_text(encoding="utf-8").split("## Videos")[1]
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    head, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {(name, column): cell for name, *cells in rows for column, cell in zip(head[1:], cells, strict=True)}


TABLE = table()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The source of a row, made once."""
    if not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
        pytest.skip("needs ffmpeg and ffprobe (Debian: ffmpeg)")
    folder, paths = tmp_path_factory.mktemp("sources"), dict[str, Path]()

    def source(row: str) -> Path:
        if row not in paths:
            paths[row] = ROWS[row].make(folder)
        return paths[row]

    return source


def probed(path: Path) -> Probe:
    show = ["-show_format", "-show_streams", "-show_frames", "-show_chapters"]
    command = ["ffprobe", "-v", "error", "-of", "json", *show, str(path)]
    return dict(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))


def test_every_row_is_made() -> None:
    assert list(dict.fromkeys(row for row, _ in TABLE)) == list(ROWS)
    assert set(TABLE.values()) <= {KEPT, ADJUSTED, DROPPED}


@pytest.mark.parametrize(("row", "column"), TABLE)
def test_a_cell(row: str, column: str, made: Callable[[str], Path], tmp_path: Path) -> None:
    target = tmp_path / f"result.{column.lower()}"
    encoding = Encoding("libvpx-vp9") if column == "WebM" else Encoding(preset="ultrafast")
    result = upscale_video(VideoFile(made(row)), target, Nearest(), encoding)  # type: ignore[arg-type]
    probe, cell = probed(target), TABLE[row, column]
    assert ROWS[row].found(probe) == {KEPT: ROWS[row].kept, ADJUSTED: ROWS[row].true, DROPPED: None}[cell]
    assert cell == ADJUSTED or bool(result.notes) == (cell == DROPPED)
    assert len(probe["frames"]) == result.frames
