"""Which HR and LR files are found in the layouts that data sets come in, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from elansr.errors import DataError
from elansr.evaluation.datasets import BenchmarkSet, located, read_rgb

Touch = Callable[..., None]


@pytest.fixture
def touch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Touch:
    """Makes empty files: the layout is found by names alone."""
    monkeypatch.chdir(tmp_path)

    def make(*names: str) -> None:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    return make


def found(folder: str, scale: int = 4, lr: str | None = None) -> tuple[str, str, list[tuple[str, str | None]]]:
    """Name, LR source and files of the set in a folder."""
    one = BenchmarkSet.of(Path(folder), scale, Path(lr) if lr else None)
    return one.name, one.lr_source, [(hr.as_posix() if hr else "", lr and lr.as_posix()) for hr, lr in one.files]


EDSR = [(f"Set5/HR/{name}.png", f"Set5/LR_bicubic/X4/{name}x4.png") for name in ("baby", "bird")]
BASICSR = [(f"Set5/GTmod12/{name}.png", f"Set5/LRbicx4/{name}.png") for name in ("baby", "bird")]
DIV2K = [(f"D/DIV2K_valid_HR/{name}.png", f"D/DIV2K_valid_LR_bicubic/X4/{name}x4.png") for name in ("0801", "0802")]


@pytest.mark.parametrize(
    ("files", "folders", "name"),
    [
        (EDSR, ("Set5", "Set5/HR"), "Set5"),
        (BASICSR, ("Set5", "Set5/GTmod12"), "Set5"),
        ([(hr.replace("GTmod12", "GTmod4"), lr) for hr, lr in BASICSR], ("Set5", "Set5/GTmod4"), "Set5"),
        ([(hr.replace("GTmod12", "GT"), lr) for hr, lr in BASICSR], ("Set5", "Set5/GT"), "Set5"),
        (DIV2K, ("D", "D/DIV2K_valid_HR"), "DIV2K_valid"),
        ([("own/a.jpg", "own/LR_bicubic/X4/ax4.png")], ("own",), "own"),
        ([("own/hr/a.jpg", "own/lr_bicubic/x4/ax4.png")], ("own", "own/hr"), "own"),
    ],
)
def test_hr_and_lr_are_found_from_the_folder_above_and_from_the_hr_folder(
    touch: Touch, files: list[tuple[str, str]], folders: tuple[str, ...], name: str
) -> None:
    touch(*(path for pair in files for path in pair), "Set5/LR_bicubic/X2/babyx2.png", "Set5/readme.txt")
    for folder in folders:
        assert found(folder) == (name, "files", files)


@pytest.mark.parametrize(("folder", "given"), [("Set5/HR", "."), ("Set5/LR_bicubic", ".."), ("Set5", "HR/")])
def test_a_folder_is_found_from_where_one_stands(
    touch: Touch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, given: str
) -> None:
    touch(*(path for pair in EDSR for path in pair))
    monkeypatch.chdir(tmp_path / folder)
    name, source, files = found(given)
    assert (name, source, len(files)) == ("Set5", "files", 2)
    assert all(lr is not None and Path(lr).is_file() for _, lr in files)


@pytest.mark.parametrize("folder", ["Set5", "photos", "D/DIV2K_train_HR"])
def test_without_a_folder_of_the_scale_lr_is_made(touch: Touch, folder: str) -> None:
    touch("Set5/HR/a.png", "Set5/LR_bicubic/X2/ax2.png", "Set5/LRbicx3/a.png", "D/DIV2K_train_HR/0001.png")
    touch("photos/a.png", "LR_bicubic/X4/zx4.png")  # beside a plain folder lies somebody else's
    assert found(folder)[1] == "made by MATLAB bicubic"


def test_lr_can_be_named(touch: Touch) -> None:
    touch("Set5/HR/a.png", "Set5/LR_bicubic/X4/ax4.png", "mine/a.webp")
    assert found("Set5", lr="mine")[2] == [("Set5/HR/a.png", "mine/a.webp")]


@pytest.mark.parametrize(
    ("files", "folder", "reason"),
    [
        (["S/HR/a.png", "S/HR/b.png", "S/LR_bicubic/X4/ax4.png"], "S", r"^S/LR_bicubic/X4/bx4\.png: "),
        (["S/GTmod12/a.png", "S/LRbicx4/x.png"], "S", r"^S/LRbicx4/a\.png: "),
        (["S/HR/a.png", "S/LR_bicubic/X4/readme"], "S", r"ax4\.png: "),
        (["S/HR/a.png", "S/GTmod12/a.png"], "S", "^S: .*GTmod12 and in HR"),
        (["S/a.png", "S/HR/a.png"], "S", "^S: .*HR.*S/HR"),
        (["D/D_train_HR/a.png", "D/D_valid_HR/a.png"], "D", "D_train_HR and in D_valid_HR"),
        (["S/HR/a.png", "S/LR_bicubic/X4/ax4.png", "S/LRbicx4/a.png"], "S", "^S/LR_bicubic/X4 and S/LRbicx4: .*`lr`"),
        (["S/HR/a.png", "S/LR_bicubic/X4/ax4.png", "S/LR_bicubic/X4/a.png"], "S", r"ax4\.png and a\.png"),
        (["S/HR/a.png", "S/HR/a.jpg"], "S", r"a\.jpg and a\.png"),
        (["S/HR/notes.txt"], "S", "^S/HR: "),
        (["S/sub/a.png"], "S", "^S: .*HR/"),
        (["S/a.png"], "T", "^T: "),
        (["S/a.png"], "S/a.png", r"^S/a\.png: "),
    ],
)  # fmt: skip
def test_what_is_incomplete_or_ambiguous_is_refused_with_a_way_out(
    touch: Touch, files: list[str], folder: str, reason: str
) -> None:
    touch(*files)
    with pytest.raises(DataError, match=reason):
        found(folder)


def test_a_missing_folder_of_lr_is_named(touch: Touch) -> None:
    touch("S/a.png")
    with pytest.raises(DataError, match="^nowhere: "):
        found("S", lr="nowhere")
    with pytest.raises(DataError, match="^nowhere: "):
        BenchmarkSet.without_hr(Path("nowhere"), 4)


def test_an_lr_folder_has_the_name_and_the_pictures_that_it_has(touch: Touch) -> None:
    touch("phone/b.jpg", "phone/a.png", "phone/.hidden.png")
    folder = BenchmarkSet.without_hr(Path("phone"), 4)
    assert (folder.name, folder.names, folder.lr_source) == ("phone", ["a", "b"], "files, no HR")


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pixels_are_white_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    image = Image.effect_noise((40, 40), 50).convert(mode)
    image.putalpha(Image.linear_gradient("L").resize((40, 40)))
    image.save(tmp_path / "cut out.png")
    expected = np.asarray(Image.alpha_composite(Image.new("RGBA", (40, 40), "white"), image.convert("RGBA")))[..., :3]
    assert np.abs(read_rgb(tmp_path / "cut out.png").astype(int) - expected).max() <= 1
    assert "cut out.png" in caplog.text
    caplog.clear()
    image.putalpha(255)
    image.save(tmp_path / "opaque.png")
    read_rgb(tmp_path / "opaque.png")
    assert not caplog.text


def test_a_name_is_a_set_of_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "benchmark" / "Set5").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELANSR_DATA", str(tmp_path))
    assert located(Path("Set5")) == tmp_path / "benchmark" / "Set5"
    with pytest.raises(DataError, match="ELANSR_DATA"):
        located(Path("Set6"))
    assert located(Path("a/Set5")) == Path("a/Set5")
    (tmp_path / "Set5").mkdir()
    assert located(Path("Set5")) == Path("Set5")
    monkeypatch.delenv("ELANSR_DATA")
    (tmp_path / "Set5").rmdir()
    with pytest.raises(DataError, match="ELANSR_DATA"):
        located(Path("Set5"))
