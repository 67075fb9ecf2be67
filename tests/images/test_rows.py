"""Reading in rows against reading whole, and encoding rows that lie on the disk."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import pyvips

from elansr.errors import PictureError
from elansr.images import (
    Picture,
    Pixels,
    Plane,
    RollingRows,
    blank,
    open_picture,
    read,
    write,
    write_rows,
)

RNG = np.random.default_rng(1)


def noise(height: int, width: int, channels: int, dtype: type = np.uint8) -> Pixels:
    return RNG.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)


def in_rows(path: Path, height: int) -> Pixels:
    """The picture as tiles read it: in overlapping bands, each twice."""
    stream = open_picture(path)
    assert stream.obstacle == ""
    cuts = [*range(0, height, 50), height]
    with stream.rows() as rows:
        parts = []
        for start, stop in pairwise(cuts):
            above, below = max(start - 20, 0), min(stop + 20, height)
            parts.append(rows(above, below)[start - above :][: stop - start].copy())
            assert np.array_equal(parts[-1], rows(above, below)[start - above :][: stop - start])
    return np.concatenate(parts)


# --- rows of a file ---


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "lzw", "predictor": "horizontal"},
        {"compression": "deflate", "tile": True, "tile_width": 64, "tile_height": 48},
        {"compression": "none"},
        {"compression": "deflate", "bigtiff": True, "tile": True, "pyramid": True},
    ],
)
@pytest.mark.parametrize(("channels", "kind"), [(1, "grey16"), (3, "srgb"), (4, "rgb16")])
def test_rows_of_a_tiff_are_those_of_the_whole(
    tmp_path: Path, options: dict[str, object], channels: int, kind: str
) -> None:
    picture = noise(230, 170, channels, np.uint16 if kind.endswith("16") else np.uint8)
    image = pyvips.Image.new_from_array(picture).copy(interpretation=kind)
    image.tiffsave(str(tmp_path / "x.tif"), **options)
    assert np.array_equal(in_rows(tmp_path / "x.tif", 230), picture)


@pytest.mark.parametrize(("name", "channels"), [("x.png", 4), ("x.png", 2), ("x.jpg", 3), ("x.jpg", 1)])
def test_rows_of_png_and_jpeg_are_those_of_the_whole(tmp_path: Path, name: str, channels: int) -> None:
    write(Picture((noise(230, 170, channels),), dpi=(300.0, 300.0)), tmp_path / name)
    whole, stream = read(tmp_path / name), open_picture(tmp_path / name)
    assert np.array_equal(in_rows(tmp_path / name, 230), whole.pixels)
    told = stream.picture
    assert (told.pixels.shape, told.pixels.dtype) == (whole.pixels.shape, whole.pixels.dtype)
    assert (told.dpi, told.lossy, told.format) == (whole.dpi, whole.lossy, whole.format)


def test_palettes_and_cmyk_come_as_rgb(tmp_path: Path) -> None:
    image = pyvips.Image.new_from_array(noise(90, 70, 3)).copy(interpretation="srgb")
    image.pngsave(str(tmp_path / "palette.png"), palette=True)
    image.colourspace("cmyk").tiffsave(str(tmp_path / "cmyk.tif"))
    for name in ("palette.png", "cmyk.tif"):
        assert np.array_equal(in_rows(tmp_path / name, 90), read(tmp_path / name).pixels)


def test_a_jpeg_with_a_harmless_blemish_is_read_as_the_whole_is(tmp_path: Path) -> None:
    """Stray bytes before a marker, of which libjpeg warns."""
    write(Picture((noise(90, 70, 3),)), tmp_path / "x.jpg")
    data = (tmp_path / "x.jpg").read_bytes()
    (tmp_path / "x.jpg").write_bytes(data[:2] + b"\x00\x01\x02" + data[2:])
    assert np.array_equal(in_rows(tmp_path / "x.jpg", 90), read(tmp_path / "x.jpg").pixels)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("x.png", {"interlace": True}, "interlaced"),
        ("x.jpg", {"interlace": True}, "progressive"),
    ],
)
def test_what_must_be_decoded_whole_says_so(tmp_path: Path, name: str, options: dict[str, object], words: str) -> None:
    pyvips.Image.new_from_array(noise(90, 70, 3)).write_to_file(str(tmp_path / name), **options)
    stream = open_picture(tmp_path / name)
    assert words in stream.obstacle


def test_other_formats_and_several_pages_are_not_read_in_rows(tmp_path: Path) -> None:
    page = noise(9, 7, 3)
    for name in ("x.webp", "x.bmp", "x.gif"):
        write(Picture((page,)), tmp_path / name)
        assert open_picture(tmp_path / name).obstacle
    write(Picture((page, page)), tmp_path / "x.tif")
    assert "2 pages" in open_picture(tmp_path / "x.tif").obstacle
    with pytest.raises(PictureError, match=r"none.tif: no such file"):
        open_picture(tmp_path / "none.tif")


def test_the_page_that_stands_in_takes_no_memory() -> None:
    page = blank((10**6, 10**6), 3, deep=True)
    assert (page.shape, page.dtype) == ((10**6, 10**6, 3), np.uint16)


def test_rolling_rows_are_made_once_and_never_backwards() -> None:
    made: list[int] = []

    def make(start: int, stop: int) -> Pixels:
        made.extend(range(start, stop))
        return np.arange(start, stop, dtype=np.uint16)[:, None, None]

    rolling = RollingRows(make)
    for start, stop in [(0, 90), (0, 90), (10, 200), (10, 30), (150, 260), (400, 410)]:
        assert rolling(start, stop).ravel().tolist() == list(range(start, stop))
    assert made == [*range(260), *range(400, 410)]
    with pytest.raises(ValueError, match="from top to bottom"):
        rolling(399, 410)


# --- from disk to a file ---


class Stopped(Exception):  # noqa: N818 - not an error
    """Raised by a test's progress."""


@pytest.mark.parametrize("name", ["x.tif", "x.png", "x.jpg"])
def test_planes_on_disk_become_a_file(tmp_path: Path, name: str) -> None:
    picture = noise(120, 90, 4)
    (tmp_path / "colours").write_bytes(picture[..., :3].tobytes())
    (tmp_path / "alpha").write_bytes(picture[..., 3].tobytes())
    planes = [Plane(tmp_path / "colours", 3), Plane(tmp_path / "alpha", 1)]
    seen: list[int] = []
    out = Picture((blank((120, 90), 4, deep=False),))
    write_rows(planes, out, tmp_path / name, progress=lambda done, of: seen.append(done))
    picture[picture[..., 3] == 0] = 0  # nobody sees the colour of transparent pixels
    write(Picture((picture,)), tmp_path / f"memory_{name}")
    assert np.array_equal(read(tmp_path / name).pixels, read(tmp_path / f"memory_{name}").pixels)
    assert seen == sorted(seen)


@pytest.mark.parametrize("pyramid", [False, True])
def test_what_progress_raises_ends_the_encoding_and_leaves_nothing(tmp_path: Path, pyramid: bool) -> None:
    (tmp_path / "samples").write_bytes(noise(3000, 2000, 1).tobytes())
    seen: list[int] = []

    def stop(done: int, of: int) -> None:
        seen.append(done)
        raise Stopped

    out = Picture((blank((3000, 2000), 1, deep=False),))
    with pytest.raises(Stopped):
        write_rows([Plane(tmp_path / "samples", 1)], out, tmp_path / "x.tif", pyramid=pyramid, progress=stop)
    assert max(seen) < 3000
    assert [path.name for path in tmp_path.iterdir()] == ["samples"]
