"""Pictures before and after: what stands where, pixel for pixel, and that those of other weights are found."""

import dataclasses
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

from elansr.evaluation import RGB
from elansr.images import downscale, imresize
from elansr.weights.released import RELEASED, ReleasedWeights
from tools import before_after
from tools.before_after import as_jpeg, clean_panels, made_from, make, make_all, problems, real_panels, sheet
from tools.checks import begun

ROOT = Path(__file__).resolve().parents[2]
X2, REAL = RELEASED["elan-light-x2"], RELEASED["elan-light-x2-real"]
MOST_BYTES = 250_000


def photo(name: str) -> RGB:
    return np.asarray(Image.open(ROOT / "examples" / name).convert("RGB"))


def nearest(lr: RGB) -> RGB:
    """Stands in for weights of x2."""
    return lr.repeat(2, axis=0).repeat(2, axis=1)


def test_what_is_released_agrees() -> None:
    """Fails after a released file was replaced, until `make figures` has made the pictures anew."""
    assert problems(ROOT, begun(ROOT, list(RELEASED.values()))) == []


def test_released_pictures_are_small() -> None:
    paths = [before_after.picture_path(ROOT, row.name) for row in begun(ROOT, list(RELEASED.values()))]
    assert all(path.stat().st_size < MOST_BYTES for path in paths)


def test_a_clean_photo_stands_between_bicubic_and_the_original() -> None:
    hr = photo("cityscape.png")
    panels = clean_panels(hr[:-1], X2, nearest)
    assert list(panels) == ["bicubic", "elan-light-x2", "original"]
    bicubic, ours, original = panels.values()
    np.testing.assert_array_equal(original, hr[:-2])
    np.testing.assert_array_equal(ours[::2, ::2], downscale(hr[:-2], 2))
    np.testing.assert_array_equal(bicubic, imresize(downscale(hr[:-2], 2), *original.shape[:2]))


@pytest.mark.parametrize(("corner", "row", "column"), [((20, 0), 20, 0), ((100, 300), 60, 80)])
def test_an_everyday_photo_is_a_jpeg_and_shown_in_part(corner: tuple[int, int], row: int, column: int) -> None:
    """The part is cut from the whole result, and lies inside it."""
    lr = as_jpeg(photo("otter.jpg"), 75)
    panels = real_panels(photo("otter.jpg"), corner, REAL, nearest)
    assert list(panels) == ["JPEG of quality 75, bicubic", "elan-light-x2-real"]
    for panel in panels.values():
        assert panel.shape == (360, 480, 3)
    np.testing.assert_array_equal(panels["elan-light-x2-real"][::2, ::2], lr[row : row + 180, column : column + 240])
    assert 1 < np.abs(lr.astype(int) - photo("otter.jpg")).mean() < 10


def test_the_sheet_keeps_every_pixel() -> None:
    left, right = np.zeros((30, 90, 3), np.uint8), np.full((30, 90, 3), 7, np.uint8)
    shown = sheet({"left": left, "right": right})
    top = shown.shape[0] - 30
    assert shown.shape[1] == 90 + 4 + 90
    np.testing.assert_array_equal(shown[top:, :90], left)
    np.testing.assert_array_equal(shown[top:, -90:], right)
    assert (shown[:, 90:94] == 255).all()
    for label in (shown[:top, :90], shown[:top, -90:]):
        assert label.min() < 100
        assert np.median(label) == 255


@pytest.mark.parametrize(("row", "size"), [(X2, (968, 262)), (REAL, (964, 764))])
def test_the_file(row: ReleasedWeights, size: tuple[int, int]) -> None:
    data = make(ROOT, row, nearest)
    picture = Image.open(io.BytesIO(data))
    assert (picture.format, picture.size, picture.info["comment"]) == ("JPEG", size, row.sha256.encode())
    assert len(data) < MOST_BYTES


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository of one released file, with its picture and the card that shows it."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    for folder in ("model_cards", "docs/images"):
        (tmp_path / folder).mkdir(parents=True)
    link = "![both](../docs/images/before_after_elan-light-x2.jpg)\n"
    (tmp_path / "model_cards/elan-light-x2.md").write_text(link, encoding="utf-8")
    make_all(tmp_path, [X2], lambda row: nearest)
    return tmp_path


def test_only_pictures_of_other_weights_are_made_again(root: Path) -> None:
    path = root / "docs/images/before_after_elan-light-x2.jpg"
    assert made_from(path) == X2.sha256
    assert make_all(root, [X2], lambda row: nearest) == []
    replaced = dataclasses.replace(X2, sha256="ab" * 32)
    assert problems(root, [X2]) == []
    (found,) = problems(root, [replaced])
    assert found.startswith("before_after_elan-light-x2.jpg: not made by elan-light-x2.safetensors as released")
    assert make_all(root, [replaced], lambda row: nearest) == [path]
    assert problems(root, [replaced]) == []


def test_a_card_that_does_not_show_its_picture(root: Path) -> None:
    (root / "model_cards/elan-light-x2.md").write_text("nothing", encoding="utf-8")
    assert problems(root, [X2]) == ["elan-light-x2.md: does not show ../docs/images/before_after_elan-light-x2.jpg"]


def test_the_command(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(before_after, "ROOT", root)
    monkeypatch.setattr(before_after, "load", lambda name, **_: nearest)
    monkeypatch.setattr(before_after, "RELEASED", {X2.name: X2})
    with pytest.raises(typer.Exit) as ended:
        before_after.command(check=True)
    assert (ended.value.exit_code, capsys.readouterr().out) == (
        0,
        "pictures before and after, weights and cards agree\n",
    )
    (root / "docs/images/before_after_elan-light-x2.jpg").unlink()
    with pytest.raises(typer.Exit) as ended:
        before_after.command(check=True)
    assert ended.value.exit_code == 1
    (root / "examples/cityscape.png").unlink()
    with pytest.raises(typer.Exit) as ended:
        before_after.command()
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")
