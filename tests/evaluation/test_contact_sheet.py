"""The contact sheet: the crops are in it pixel by pixel, in their frames, and marked in the whole picture."""

import io
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms, ImageFont

from elansr.errors import ConfigError, OutputExistsError, PictureError
from elansr.evaluation.comparison import ComparedPicture, Comparison
from elansr.evaluation.contact_sheet import FRAMES, TILE, WHOLE_WIDTH, draw_text, line_height, sheet, write_sheet
from elansr.evaluation.crops import CropBox
from elansr.images import read

RNG = np.random.default_rng(0)
CROPS = [CropBox(10, 20, 48, 32), CropBox(100, 60, 96, 96)]


def sides(count: int = 3, height: int = 200, width: int = 260) -> list[ComparedPicture]:
    pictures = RNG.integers(0, 256, (count, height, width, 3), np.uint8)
    return [ComparedPicture(f"side {n}", picture) for n, picture in enumerate(pictures)]


def places(whole: np.ndarray, part: np.ndarray) -> list[tuple[int, int]]:
    """Row and column of every place where `part` lies in `whole`, by comparing pixels."""
    height, width = part.shape[:2]
    starts = (whole[: whole.shape[0] - height + 1, : whole.shape[1] - width + 1] == part[0, 0]).all(axis=2)
    return [
        (int(y), int(x)) for y, x in np.argwhere(starts) if np.array_equal(whole[y : y + height, x : x + width], part)
    ]


def test_every_crop_of_every_side_is_there_enlarged_in_whole_squares() -> None:
    given = sides()
    drawn = sheet("title", given, CROPS)
    found = {}
    for row, crop in enumerate(CROPS):
        zoom = TILE // max(crop.width, crop.height)
        assert zoom >= 3
        for column, side in enumerate(given):
            pixels = side.pixels[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width]
            ((y, x),) = places(drawn, pixels.repeat(zoom, axis=0).repeat(zoom, axis=1))
            found[row, column] = (y, x)
            assert tuple(drawn[y - 1, x]) == tuple(drawn[y, x - 1]) == FRAMES[row]
    assert len({found[0, column][0] for column in range(3)}) == 1, "side by side"
    assert found[0, 0][1] == found[1, 0][1], "one below the other"
    assert found[0, 0][1] < found[0, 1][1] < found[0, 2][1]


def test_the_whole_picture_is_the_last_side_with_the_crops_marked() -> None:
    flat = np.full((500, 1600, 3), 100, np.uint8)
    dark = ComparedPicture("whole", flat // 4)
    drawn = sheet("title", [ComparedPicture("a", flat), dark], [CropBox(400, 100, 200, 200)])
    rows, columns = np.nonzero((drawn == 25).all(axis=2))
    left = columns < WHOLE_WIDTH + 40
    assert columns[left].max() - columns[left].min() == pytest.approx(WHOLE_WIDTH, abs=2)
    red_rows, red_columns = np.nonzero((drawn[:, : WHOLE_WIDTH + 20] == FRAMES[0]).all(axis=2))
    top, start = rows[left].min(), columns[left].min()
    factor = WHOLE_WIDTH / 1600
    assert red_rows.min() - top == pytest.approx(100 * factor, abs=5)
    assert red_columns.max() - start == pytest.approx(600 * factor, abs=5)


def test_titles_labels_and_scores_leave_ink() -> None:
    """Here that each of them is drawn; what the text looks like, below."""
    plain = sides(2)
    scored = [ComparedPicture("side 0", plain[0].pixels, psnr=31.2), ComparedPicture("side 1", plain[1].pixels)]
    noted = [ComparedPicture("side 0", plain[0].pixels, note="enlarged x2 by bicubic", psnr=31.2), scored[1]]
    sheets = [sheet(*case, CROPS) for case in (("t", plain), ("other", plain), ("t", scored), ("t", noted))]
    assert len({drawn.tobytes() for drawn in sheets}) == 4
    assert sheets[2].shape[0] > sheets[0].shape[0]
    assert sheets[2].shape == sheets[3].shape


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 200), (300, 2), (40, 40)])
def test_pictures_of_any_size_have_a_sheet(height: int, width: int, tmp_path: Path) -> None:
    path = tmp_path / "s.png"
    write_sheet(Comparison("t", tuple(sides(2, height, width))), path)
    assert min(read(path).pixels.shape[:2]) > 100


def test_one_profile_goes_into_the_file(tmp_path: Path) -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    a, b = (side.pixels for side in sides(2))
    path = tmp_path / "s.png"
    write_sheet(Comparison("t", (ComparedPicture("a", a, icc), ComparedPicture("b", b, icc))), path, CROPS)
    picture = read(path)
    assert picture.icc == icc
    assert places(picture.pixels, CROPS[0].of(a).repeat(6, axis=0).repeat(6, axis=1))


def test_several_profiles_are_converted_to_srgb(tmp_path: Path) -> None:
    """What the conversion must give is told by Pillow's binding of Little CMS."""
    p3 = bytes(pyvips.Operation.call("profile_load", "p3"))
    a, b = np.full((96, 96, 3), (180, 90, 60), np.uint8), sides(1, 96, 96)[0].pixels
    path = tmp_path / "s.png"
    write_sheet(Comparison("t", (ComparedPicture("a", a, p3), ComparedPicture("b", b))), path, [CropBox(0, 0, 96, 96)])
    picture = read(path)
    assert picture.icc is None
    assert places(picture.pixels, b.repeat(3, axis=0).repeat(3, axis=1))
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(p3)), ImageCms.createProfile("sRGB")
    wanted = np.asarray(ImageCms.profileToProfile(Image.fromarray(a), source, target))[0, 0].astype(int)
    assert np.abs(wanted - a[0, 0]).max() > 5
    near = (np.abs(picture.pixels.astype(int) - wanted).max(axis=2) <= 1).sum()
    assert near >= 288 * 288


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    given, path = Comparison("t", tuple(sides(2))), tmp_path / "s.png"
    path.write_text("mine")
    with pytest.raises(OutputExistsError, match=r"s\.png"):
        write_sheet(given, path)
    with pytest.raises(ConfigError, match="200,0,96,10"):
        write_sheet(given, path, [CropBox(200, 0, 96, 10)], overwrite=True)
    with pytest.raises(PictureError, match=r"no/s\.png"):
        write_sheet(given, tmp_path / "no" / "s.png")
    assert path.read_text() == "mine"


# Text as pixels.


@pytest.mark.parametrize("text", ["elan-light-x4", "图片.png", "naïve.png", "a"])
def test_a_line_has_its_height_and_ink(text: str) -> None:
    drawn = draw_text(text, 18, 500)
    assert drawn.dtype == np.uint8
    assert drawn.shape[0] == line_height(18)
    assert 1 < drawn.shape[1] < 200
    assert drawn.max() > 200
    assert (drawn.max(axis=1) == 0).any(), "room above or below"


def test_a_long_text_loses_its_middle() -> None:
    text = "a_very_long_name_of_a_weights_file_in_some_folder_x4.safetensors"
    drawn = draw_text(text, 18, 200)
    assert drawn.shape[1] <= 200
    head = draw_text("a_very", 18, 500)
    ink = slice(0, head.shape[1] - 4)
    np.testing.assert_array_equal(drawn[:, ink], head[:, ink])
    assert drawn.shape[1] > 150


def test_nothing_needs_nothing() -> None:
    assert draw_text("", 18, 100).max() == 0


def test_the_width_is_that_of_pillows_own_font() -> None:
    width = ImageFont.load_default(20).getlength("HR and SR")
    assert draw_text("HR and SR", 20, 500).shape[1] == pytest.approx(width, abs=2)


def test_other_scripts_are_text_and_no_markup() -> None:
    plain = draw_text("é <b>x</b> & y", 18, 500)
    assert plain.shape[1] > draw_text("é x & y", 18, 500).shape[1]
    assert draw_text("é <b>", 18, 500).max() > 0, "unclosed markup is an error to Pango"
