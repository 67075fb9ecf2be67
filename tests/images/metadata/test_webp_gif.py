"""What WebP, AVIF and GIF hold beside the pixels, read by Pillow."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from elansr.images import Picture, encode, read, write
from elansr.images.metadata import xmp

NOISE = np.random.default_rng(0).integers(0, 256, (30, 41, 3), np.uint8)
ALPHA = np.dstack([NOISE, NOISE[..., :1] | 1])
PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="plain"/></rdf:RDF>'
    b"</x:xmpmeta>"
)


def artist(letters: int = 10) -> bytes:
    block = Image.Exif()
    block[0x013B] = "A" * letters
    return block.tobytes()


@pytest.mark.parametrize("pixels", [NOISE, ALPHA], ids=["RGB", "RGBA"])
@pytest.mark.parametrize("letters", [10, 11], ids=["even", "odd"])
@pytest.mark.parametrize("packet", [None, PACKET], ids=["alone", "with XMP"])
@pytest.mark.parametrize("quality", [90, 100])
def test_exif_in_webp(pixels: np.ndarray, letters: int, packet: bytes | None, quality: int) -> None:
    """In a file that was one bit stream, lossy or lossless, and in one that had chunks before."""
    picture = Picture((pixels,), exif=artist(letters), xmp=packet)
    data = encode(picture, "webp", quality=quality)
    assert len(data) == 8 + int.from_bytes(data[4:8], "little")
    with Image.open(io.BytesIO(data)) as image:
        assert image.getexif()[0x013B] == "A" * letters
        assert image.info.get("xmp") == packet
        assert (image.mode, image.size) == ("RGB" if pixels is NOISE else "RGBA", (41, 30))
        if quality == 100:
            assert (np.asarray(image) == pixels).all()


@pytest.mark.parametrize("letters", [10, 11, 90_000])
def test_exif_in_avif(letters: int) -> None:
    data = encode(Picture((NOISE,), exif=artist(letters), xmp=PACKET), "avif")
    with Image.open(io.BytesIO(data)) as image:
        assert image.getexif()[0x013B] == "A" * letters
        assert image.info["xmp"] == PACKET
        assert np.abs(np.asarray(image).astype(int) - read(data).pixels).mean() < 1


def test_comments_and_xmp_in_gif(tmp_path: Path) -> None:
    """Of an animation; the comment is longer than one block."""
    comment = b"otter " * 100
    film = Picture((NOISE, NOISE[::-1].copy()), durations=(50, 60), comments=(comment,), xmp=PACKET)
    write(film, tmp_path / "x.gif")
    with Image.open(tmp_path / "x.gif") as image:
        assert (image.n_frames, image.info["comment"]) == (2, comment)
    picture = read(tmp_path / "x.gif")
    assert (len(picture.pages), picture.comments, picture.xmp, picture.notes) == (2, (comment,), PACKET, ())


def test_other_parts_are_named(tmp_path: Path) -> None:
    """From a file, which libvips reads through the same descriptor, as from bytes."""
    webp = encode(Picture((NOISE,), xmp=PACKET), "webp") + b"C2PA" + struct.pack("<I", 5) + b"claim\0"
    webp = webp[:4] + struct.pack("<I", len(webp) - 8) + webp[8:]
    identity = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
    avif = encode(Picture((NOISE,)), "avif") + struct.pack(">I", 32) + b"uuid" + identity + bytes(8)
    film = struct.pack(">I4s", 24, b"mpvd") + b"\0\0\0\x10ftypmp42" + bytes(4)
    assert read(encode(Picture((NOISE,)), "avif") + film).notes == (xmp.VIDEO,)
    for name, data in (("x.webp", webp), ("x.avif", avif)):
        (tmp_path / name).write_bytes(data)
        assert read(data).notes == read(tmp_path / name).notes == (xmp.CREDENTIALS,)
        write(read(tmp_path / name), tmp_path / f"out-{name}")
        assert read(tmp_path / f"out-{name}").notes == ()


@pytest.mark.parametrize(("kind", "note"), [(b"pasp", xmp.ASPECT_RATIO), (b"clli", xmp.LIGHT_LEVELS)])
def test_properties_of_avif_are_named(kind: bytes, note: str) -> None:
    """In place of one that decoders do without."""
    assert read(encode(Picture((NOISE,)), "avif").replace(b"pixi", kind)).notes == (note,)


def test_other_blocks_of_gif_are_named() -> None:
    data = encode(Picture((NOISE, NOISE[::-1].copy()), durations=(50, 60)), "gif")
    text = b"\x21\x01\x0c" + bytes(12) + b"\x03abc\0"
    data = data[:12] + b"\x11" + data[13:-1] + b"\x21\xff\x0bACMEAPP\n1.0\x03abc\0" + text + b";"
    assert len(read(data).notes) == 3
    assert all(note.isprintable() for note in read(data).notes)


def test_a_gain_map_in_avif_is_named() -> None:
    """Its kind, as Apple writes it, in place of that of an alpha plane."""
    data = encode(Picture((ALPHA,)), "avif")
    alpha = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"
    kind = b"urn:com:apple:photo:2020:aux:hdrgainmap"
    assert alpha in data
    assert read(data.replace(alpha, kind.ljust(len(alpha), b"\0"))).notes == (xmp.GAIN_MAP,)
