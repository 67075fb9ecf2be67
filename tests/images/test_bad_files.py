"""Files that are no pictures, or not whole ones: one clear line each, nothing on stderr, never half a picture."""

import io
import os
import re
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from elansr.errors import PictureError
from elansr.images import open_picture, read

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)
ALPHA = RNG.integers(0, 256, (40, 60), dtype=np.uint8)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def tiff(pixels: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


PHOTO, MASKED = Image.fromarray(NOISE), Image.fromarray(np.dstack([NOISE, ALPHA]))
FRAMES = [Image.fromarray(np.roll(NOISE, 5 * i, axis=1)) for i in range(1, 4)]
FILM = {"save_all": True, "append_images": FRAMES, "duration": 40}
WHOLE = {
    "jpeg": saved(PHOTO, "JPEG"),
    "progressive jpeg": saved(PHOTO, "JPEG", progressive=True),
    "cmyk jpeg": saved(PHOTO.convert("CMYK"), "JPEG"),
    "png": saved(PHOTO, "PNG"),
    "palette png": saved(PHOTO.quantize(200), "PNG"),
    "webp": saved(PHOTO, "WEBP"),
    "lossless webp": saved(PHOTO, "WEBP", lossless=True),
    "transparent webp": saved(MASKED, "WEBP"),
    "animated webp": saved(PHOTO, "WEBP", **FILM),
    "tiff": saved(PHOTO, "TIFF"),
    "deflated tiff": saved(PHOTO, "TIFF", compression="tiff_adobe_deflate"),
    "jpeg tiff": saved(PHOTO, "TIFF", compression="jpeg"),
    "big-endian 16-bit tiff": tiff(NOISE.astype(np.uint16) * 257, photometric="rgb", byteorder=">"),
    "tiff of pages": saved(PHOTO, "TIFF", save_all=True, append_images=FRAMES),
    "bmp": saved(PHOTO, "BMP"),
    "palette bmp": saved(PHOTO.quantize(200), "BMP"),
    "gif": saved(PHOTO, "GIF"),
    "animated gif": saved(PHOTO, "GIF", **FILM),
    "avif": saved(PHOTO, "AVIF", speed=10),
    "transparent avif": saved(MASKED, "AVIF", speed=10),
}


def refused(path) -> str:
    with pytest.raises(PictureError) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 300 + len(str(path))
    assert path.name in message
    return message.split(path.name, 1)[1]


@pytest.mark.parametrize("kind", WHOLE)
def test_whole_files_are_read(tmp_path, kind):
    (tmp_path / "x").write_bytes(WHOLE[kind])
    assert read(tmp_path / "x").pages[0].shape[:2] == (40, 60)


@pytest.mark.parametrize("kind", WHOLE)
def test_truncated_files_are_refused_wherever_they_end(tmp_path, kind, capfd):
    data = WHOLE[kind]
    ends = {len(data) * tenth // 10 for tenth in range(1, 10)} | {len(data) - cut for cut in (1, 2, 3, 5, 9, 13)}
    (tmp_path / "whole").write_bytes(data)
    whole = read(tmp_path / "whole").pages
    for end in sorted(ends):
        (tmp_path / "cut").write_bytes(data[:end])
        if not _little_is_gone(tmp_path / "cut", whole, kind):
            refused(tmp_path / "cut")
    assert capfd.readouterr() == ("", "")


def test_a_damaged_png_is_not_to_be_converted_to_png(tmp_path):
    data = bytearray(saved(PHOTO, "PNG"))
    data[len(data) // 2] ^= 255  # the checksum no longer fits
    (tmp_path / "x").write_bytes(data)
    assert "convert" not in refused(tmp_path / "x")
    (tmp_path / "x").write_bytes(saved(PHOTO, "WEBP")[:20])
    assert "convert it to PNG" in refused(tmp_path / "x")


def _little_is_gone(path, whole, kind) -> bool:
    """A cut through an end marker or the filler of a TIFF may be read, if every pixel is there.

    Of a JPEG, the last block of rows may be missing, or of a progressive one the last bit; that is said.
    """
    try:
        picture = read(path)
    except PictureError:
        return False
    if picture.format == "jpeg" and picture.notes:
        off = np.abs(picture.pixels.astype(int) - whole[0])
        return off[:24].max() == 0 or ("progressive" in kind and off.mean() < 20)
    return len(picture.pages) == len(whole) and all(
        (page == other).all() for page, other in zip(picture.pages, whole, strict=True)
    )


@pytest.mark.parametrize(
    ("kind", "lost"), [("jpeg", 2), ("cmyk jpeg", 2), ("png", 12), ("png", 3), ("gif", 1), ("animated gif", 1)]
)
def test_a_file_without_its_end_mark_is_read_and_that_is_said(tmp_path, kind, lost):
    (tmp_path / "whole").write_bytes(WHOLE[kind])
    (tmp_path / "cut").write_bytes(WHOLE[kind][:-lost])
    whole, cut = read(tmp_path / "whole"), read(tmp_path / "cut")
    assert all((page == other).all() for page, other in zip(cut.pages, whole.pages, strict=True))
    assert len(cut.notes) == len(whole.notes) + 1


def test_a_jpeg_without_its_last_rows_is_read_in_rows_too(tmp_path):
    rng = np.random.default_rng(0)
    data = saved(Image.fromarray(rng.integers(0, 256, (400, 60, 3)).astype(np.uint8)), "JPEG")
    (tmp_path / "whole.jpg").write_bytes(data)
    whole = read(tmp_path / "whole.jpg").pixels
    for share, readable in ((0.97, True), (0.8, False)):
        (tmp_path / "cut.jpg").write_bytes(data[: int(len(data) * share)])
        if not readable:
            refused(tmp_path / "cut.jpg")
            continue
        picture = read(tmp_path / "cut.jpg")
        assert (picture.pixels[:368] == whole[:368]).all()
        assert picture.notes
        with open_picture(tmp_path / "cut.jpg").rows() as rows:
            assert (np.concatenate([rows(top, top + 100) for top in range(0, 400, 100)]) == picture.pixels).all()


@pytest.mark.parametrize("kind", ["jpeg", "progressive jpeg"])
@pytest.mark.parametrize("harm", ["end marker after the cut", "a piece is missing"])
def test_jpegs_that_lost_blocks_are_refused(tmp_path, kind, harm, capfd):
    data = WHOLE[kind]
    half = len(data) // 2
    tail = b"\xff\xd9" if harm == "end marker after the cut" else data[half + 900 :]
    (tmp_path / "x.jpg").write_bytes(data[:half] + tail)
    assert "premature end" in refused(tmp_path / "x.jpg")
    assert capfd.readouterr() == ("", "")


def test_stray_bytes_in_a_jpeg_do_no_harm(tmp_path, capfd):
    """Between two markers and behind the end: libjpeg warns of the first, viewers show both."""
    data = WHOLE["jpeg"]
    (tmp_path / "x.jpg").write_bytes(data[:2] + b"\0\0\0" + data[2:] + b"junk" * 9)
    (tmp_path / "y.jpg").write_bytes(data)
    assert (read(tmp_path / "x.jpg").pixels == read(tmp_path / "y.jpg").pixels).all()
    assert capfd.readouterr() == ("", "")


def test_damaged_png_is_refused(tmp_path):
    data = bytearray(WHOLE["png"])
    data[len(data) // 2] ^= 1
    (tmp_path / "x.png").write_bytes(data)
    refused(tmp_path / "x.png")


def test_missing_empty_and_folder(tmp_path):
    assert "no such file" in refused(tmp_path / "missing.png")
    assert "no such file" in refused(tmp_path / "no folder" / "missing.png")
    (tmp_path / "empty.png").touch()
    assert "0 bytes" in refused(tmp_path / "empty.png")
    (tmp_path / "folder.png").mkdir()
    assert "folder" in refused(tmp_path / "folder.png")
    assert "cannot be read" in refused(tmp_path / ("x" * 300))
    assert "cannot be read" in refused(tmp_path / "nothing.png" / ".." / ("y" * 5000))
    with pytest.raises(PictureError, match="null"):
        read("a\0b.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refused(tmp_path / "pipe")


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs POSIX permissions")
def test_no_permission(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(WHOLE["png"])
    path.chmod(0)
    if os.geteuid():
        assert "permission" in refused(path)
        return
    script = (
        "import os, sys; from elansr.errors import PictureError; from elansr.images import open_picture, read\n"
        "os.seteuid(65534)\n"
        "try: read(sys.argv[1])\n"
        "except PictureError as error: print(error)\n"
    )
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder != folder.parent and not folder.stat().st_mode & 1:
            folder.chmod(folder.stat().st_mode | 0o011)
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    assert "no permission" in done.stdout
    assert done.stderr == ""


FOREIGN = {
    "text": (b"just some words, no picture at all", "not a picture"),
    "zeros": (bytes(500), "not a picture"),
    "html": (b"<!DOCTYPE html><html>", "not a picture"),
    "zip": (b"PK\3\4" + bytes(60), "not a picture"),
    "one byte": (b"\xff", "not a picture"),
    "pdf": (b"%PDF-1.7\n", "PDF.*export"),
    "svg": (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG.*render"),
    "jxl stream": (b"\xff\x0a\xfa\x1f\x41\x91", "JPEG XL.*convert"),
    "jxl box": (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL.*convert"),
    "jp2": (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000.*convert"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC.*convert"),
    "heif": (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC.*convert"),
    "mp4": (b"\0\0\0\x18ftypisom\0\0\0\0isomiso2", "video"),
    "cr3": (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "raw.*develop"),
    "raf": (b"FUJIFILMCCD-RAW 0201", "raw.*develop"),
    "psd": (b"8BPS\0\1", "Photoshop.*convert"),
    "exr": (b"\x76\x2f\x31\x01\2\0\0\0", "OpenEXR.*tone-map"),
    "hdr": (b"#?RADIANCE\n", "Radiance.*tone-map"),
    "ico": (b"\0\0\1\0\1\0", "icon"),
    "jpeg magic only": (b"\xff\xd8\xff", "truncated"),
    "png magic only": (b"\x89PNG\r\n\x1a\n", "truncated"),
    "gif magic only": (b"GIF89a", "truncated"),
    "tiff magic only": (b"II*\0", "truncated"),
    "tiff that leads nowhere": (b"II*\0\0\0\0\0", "pages"),
    "tiff in a circle": (b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 256, 4, 1, 9, 8), "damaged"),
    "cr2": (b"II*\0\x10\0\0\0CR\2\0" + bytes(50), "raw.*develop"),
    "dng": (b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 50706, 1, 4, 1, 0), "raw.*develop"),
    "nef": (b"MM\0*\0\0\0\x08" + struct.pack(">HHHIII", 1, 254, 4, 1, 1, 0), "raw.*develop"),
    "bmp magic only": (b"BM", "truncated"),
    "words that begin as a BMP": (b"BMW sold more cars than ever before this year, said", "truncated"),
    "webp magic only": (b"RIFF\0\0\0\0WEBP", "truncated"),
    "animated avif": (saved(PHOTO, "AVIF", speed=10, **FILM), "animated AVIF.*convert"),
    "animated png": (saved(PHOTO, "PNG", **FILM), "animated PNG.*convert"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_not_read_is_named(tmp_path, kind, capfd):
    data, words = FOREIGN[kind]
    (tmp_path / "x.jpg").write_bytes(data)
    message = refused(tmp_path / "x.jpg")
    assert re.search(words, message), message
    assert capfd.readouterr() == ("", "")


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


TIFF_FIELDS = {256: 100_000, 257: 90_000, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 90_000, 279: 99}
BOMBS = {
    "png": b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 90_000, 8, 2, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(bytes(99)))
    + chunk(b"IEND", b""),
    "bmp": WHOLE["bmp"][:18] + struct.pack("<ii", 100_000, 90_000) + WHOLE["bmp"][26:],
    "gif": WHOLE["gif"].replace(struct.pack("<HH", 60, 40), b"\xff\xff\xff\xff"),  # of the screen and of the frame
    "tiff": b"II*\0\x08\0\0\0"
    + struct.pack("<H", len(TIFF_FIELDS))
    + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in TIFF_FIELDS.items())
    + bytes(104),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_bombs_are_refused_by_their_header(tmp_path, kind):
    (tmp_path / "bomb").write_bytes(BOMBS[kind])
    message = refused(tmp_path / "bomb")
    assert re.search(r"(100000 x 90000 = 9,000,000,000|65535 x 65535 = 4,294,836,225) pixels", message)
    assert "268,435,456" in message
    assert "`max_pixels`" in message


@pytest.mark.parametrize("kind", WHOLE)
def test_the_limit_counts_every_page(tmp_path, kind):
    (tmp_path / "x").write_bytes(WHOLE[kind])
    pages = 4 if "animated" in kind or "pages" in kind else 1
    assert len(read(tmp_path / "x", max_pixels=40 * 60 * pages).pages) == pages
    with pytest.raises(PictureError, match="`max_pixels`"):
        read(tmp_path / "x", max_pixels=40 * 60 * pages - 1)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(sorted(WHOLE)),
    places=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=9),
)
def test_damage_never_gets_past_the_one_error(tmp_path, kind, places):
    data = bytearray(WHOLE[kind])
    for place, value in places:
        data[int(place * len(data))] = value
    (tmp_path / "x").write_bytes(data)
    try:
        read(tmp_path / "x", max_pixels=10**6)
    except PictureError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either outcome is right


def test_nothing_on_stderr(tmp_path):
    """In a process of its own, where no logging is set up: libvips and its libraries would write there."""
    for index, (kind, data) in enumerate(WHOLE.items()):
        (tmp_path / f"{index}").write_bytes(data[: len(data) // 2])
        (tmp_path / f"whole {index}").write_bytes(data[:2] + bytes(3) + data[2:] if kind == "jpeg" else data)
    script = (
        "import sys, pathlib; from elansr.errors import PictureError; from elansr.images import open_picture, read\n"
        "for path in pathlib.Path(sys.argv[1]).iterdir():\n"
        "    try: read(path); print('read')\n"
        "    except PictureError as error: print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert sorted(done.stdout.split()) == ["read"] * len(WHOLE) + ["refused"] * len(WHOLE)


@pytest.mark.parametrize(("compression", "harm"), [(None, "cut"), ("deflate", "cut"), ("deflate", "damaged")])
def test_tiles_that_are_missing_or_damaged_are_noticed(tmp_path, compression, harm):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (200, 300, 3)).astype(np.uint8)
    about = [(65000, "s", 0, "a tag that nobody knows", True)]
    data = tiff(pixels, tile=(64, 64), photometric="rgb", compression=compression, extratags=about)
    (tmp_path / "x.tif").write_bytes(data)
    assert (read(tmp_path / "x.tif").pixels == pixels).all()
    middle = len(data) // 2
    bad = data[:-100] if harm == "cut" else data[:middle] + bytes(30) + data[middle + 30 :]
    (tmp_path / "x.tif").write_bytes(bad)
    refused(tmp_path / "x.tif")
    with pytest.raises(PictureError), open_picture(tmp_path / "x.tif").rows() as rows:
        rows(0, 200)


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_an_absurd_resolution_is_said_and_not_printed_by_libraries(tmp_path, kind):
    """In a process of its own: GLib would write on its standard error."""
    if kind == "png":
        densest = chunk(b"pHYs", struct.pack(">IIB", 0xFFFFFFFF, 0xFFFFFFFF, 1))
        (tmp_path / "x").write_bytes(WHOLE["png"][:33] + densest + WHOLE["png"][33:])
    else:
        data = tiff(NOISE, photometric="rgb", resolution=((4_000_000_000, 1), (4_000_000_000, 1)), resolutionunit=3)
        (tmp_path / "x").write_bytes(data)
    script = (
        "import sys; from elansr.images import encode, read\n"
        "picture = read(sys.argv[1])\n"
        "for kind in ('png', 'jpg', 'webp', 'tif', 'avif', 'gif', 'bmp'): encode(picture, kind)\n"
        "print(picture.dpi, len(picture.notes))"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "x")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("None 1\n", "")


@pytest.mark.parametrize("harm", ["none", "cut", "damaged"])
def test_odd_tags_of_a_tiff_do_no_harm(tmp_path, harm):
    """Two texts in one, of which libtiff warns, in a file whose pixels are whole or not."""
    pixels = np.random.default_rng(0).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    about = [(33432, "s", 0, "photographer\0editor", True)]
    data = tiff(pixels, tile=(64, 64), photometric="rgb", compression="deflate", extratags=about)
    middle = len(data) // 2
    bad = {"none": data, "cut": data[:-100], "damaged": data[:middle] + bytes(30) + data[middle + 30 :]}
    (tmp_path / "x.tif").write_bytes(bad[harm])
    if harm != "none":
        refused(tmp_path / "x.tif")
        with pytest.raises(PictureError), open_picture(tmp_path / "x.tif").rows() as rows:
            rows(0, 200)
        return
    assert (read(tmp_path / "x.tif").pixels == pixels).all()
    with open_picture(tmp_path / "x.tif").rows() as rows:
        assert (rows(0, 200) == pixels).all()


def test_a_jpeg_without_end_and_header_is_refused(tmp_path):
    """Its samples are of 12 bits, which libjpeg does not decode here."""
    data = saved(Image.new("RGB", (40, 30)), "JPEG")[:-2]
    at = data.index(b"\xff\xc0")
    (tmp_path / "x.jpg").write_bytes(data[: at + 4] + b"\x0c" + data[at + 5 :])
    refused(tmp_path / "x.jpg")
