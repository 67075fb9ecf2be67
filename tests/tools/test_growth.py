"""Cost against size: the pictures, a real run, what is kept, the plot."""

from pathlib import Path

import pytest
import pyvips

from elansr.errors import DataError
from tools.growth import Cost, draw, keep, kept, measure, merged, write_picture

PHOTO = Path(__file__).resolve().parents[2] / "examples" / "otter.jpg"


@pytest.mark.parametrize("megapixels", [0.05, 0.3, 1.0])
def test_pictures_have_the_size_asked_for(tmp_path: Path, megapixels: float) -> None:
    write_picture(PHOTO, megapixels, tmp_path / "a.tif")
    picture = pyvips.Image.new_from_file(str(tmp_path / "a.tif"))
    assert picture.width * picture.height == pytest.approx(megapixels * 1e6, rel=0.01)
    assert picture.width / picture.height == pytest.approx(1.5, rel=0.01)


def test_a_run_is_measured(tmp_path: Path) -> None:
    write_picture(PHOTO, 0.002, tmp_path / "a.tif")
    cost = measure(tmp_path / "a.tif", 0.002, 2, 1)
    assert 0.001 < cost.seconds < 60
    assert cost.microseconds_a_pixel == pytest.approx(cost.seconds * 1e6 / 2000)
    assert 100e6 < cost.peak_bytes < 3e9  # PyTorch alone takes more than the first
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_a_run_that_fails_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"0.1 megapixels: the command ended with 2"):
        measure(tmp_path / "a.tif", 0.1, 2, 1)


def test_figures_are_kept_until_measured_again(tmp_path: Path) -> None:
    file = tmp_path / "growth.json"
    old, new = Cost(1.0, 2, 9.0, 10), Cost(1.0, 2, 8.0, 10)
    small, single = Cost(0.1, 1, 1.0, 10), Cost(1.0, 1, 16.0, 10)
    keep(merged(merged([old, single], new), small), 2, file)
    assert kept(file, 2) == [small, single, new]
    assert kept(file, 4) == []
    assert kept(tmp_path / "none.json", 2) == []


def test_the_plot_has_a_line_a_number_of_threads(tmp_path: Path) -> None:
    draw([Cost(0.1, 1, 1.0, 2**30), Cost(1.0, 1, 9.0, 2**30), Cost(1.0, 2, 5.0, 2**30)], tmp_path / "a.png")
    plot = pyvips.Image.new_from_file(str(tmp_path / "a.png"))
    assert (plot.width, plot.height) == (900, 340)
    colors = {tuple(plot(x, y)[:3]) for x in range(0, 900, 2) for y in range(0, 340, 2)}
    assert {(31.0, 119.0, 180.0), (255.0, 127.0, 14.0)} <= colors  # matplotlib's first two
