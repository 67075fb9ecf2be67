"""A training set with one of everything that can be wrong, made of photos."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from elansr.errors import ConfigError, DataError, PictureError
from elansr.evaluation import RGB
from elansr.training.check import KINDS, DataCheck, check_data
from tests.training.photos import city, otter, resized, through_jpeg


def png(picture: RGB, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(picture)).save(path)


def clean_otter() -> RGB:
    """Smaller, so that its own JPEG grid is gone."""
    return resized(otter(), 0.8)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> DataCheck:
    folder = tmp_path_factory.mktemp("data")
    train, benchmark = folder / "train", folder / "benchmark"
    sky = np.linspace(120, 160, 240)[:, None, None].repeat(320, 1).repeat(3, 2)
    png(city(), train / "a city.png")
    png(clean_otter(), train / "b otter.png")
    png(city(), train / "deep" / "down" / "same city.png")
    png(resized(clean_otter(), 0.9), train / "smaller otter.png")
    png(sky.round().astype(np.uint8), train / "sky.png")
    png(resized(resized(city(), 0.25), 4), train / "x enlarged.png")
    png(through_jpeg(city(), 60)[5:, 3:], train / "x grid.png")
    Image.fromarray(city()).save(train / "x lossy.jpg", quality=70)
    Image.fromarray(clean_otter()).save(train / "x lossy.webp", quality=70)
    png(city()[:100, :120], train / "x tiny.png")
    (train / "x text.png").write_text("no picture")
    (train / "notes.txt").write_text("not looked at")
    png(otter()[10:220, 20:310], benchmark / "HR" / "otters.png")
    png(resized(city(), 0.25), benchmark / "LR_bicubic" / "X4" / "left out.png")
    return check_data([train, train / "deep"], [benchmark], scale=4, patch=40)


def found(report: DataCheck, kind: str) -> dict[str, str | None]:
    """Names of the files and of what they repeat."""
    return {f.file.name: f.other.name if f.other else None for f in report.findings if f.kind == kind}


def test_every_fault_is_found_where_it_is(report: DataCheck) -> None:
    assert found(report, "unreadable") == {"x text.png": None}
    assert found(report, "tiny") == {"x tiny.png": None}
    assert found(report, "flat") == {"sky.png": None}
    assert found(report, "blurry") == {"x enlarged.png": None}
    assert found(report, "lossy") == {"x lossy.jpg": None, "x lossy.webp": None}
    assert found(report, "jpeg-grid") == {"x grid.png": None}
    assert found(report, "duplicate") == {"same city.png": "a city.png"}
    copies = found(report, "near-duplicate")
    assert copies["smaller otter.png"] == "b otter.png"
    assert set(copies) == {"smaller otter.png", "x enlarged.png", "x grid.png", "x lossy.jpg", "x lossy.webp"}
    shown = found(report, "overlap")
    assert set(shown) == {"b otter.png", "smaller otter.png", "x lossy.webp"}
    assert set(shown.values()) == {"otters.png"}
    assert not report.clean


def test_details_say_how_bad_it_is(report: DataCheck) -> None:
    details = {(f.kind, f.file.name): f.detail for f in report.findings}
    assert details["lossy", "x lossy.jpg"] == "JPEG, quality about 70"
    assert details["lossy", "x lossy.webp"] == "WEBP, quality unknown"
    assert "quality about 60, blocks from 5,3" in details["jpeg-grid", "x grid.png"]
    assert details["tiny", "x tiny.png"] == "120x100, but a crop needs 160x160"
    assert details["unreadable", "x text.png"].startswith("not a picture")
    assert details["duplicate", "same city.png"] == "same pixels"
    assert details["overlap", "b otter.png"].endswith("of 256 bits of the hash differ")


def test_every_readable_picture_is_measured_once_in_order(report: DataCheck) -> None:
    names = [str(record.file) for record in report.pictures]
    assert names == sorted(names)
    assert len(names) == 10
    kinds = [list(KINDS).index(f.kind) for f in report.findings]
    assert kinds == sorted(kinds)


def test_good_pictures_are_clean_and_progress_is_reported(tmp_path: Path) -> None:
    png(city(), tmp_path / "train" / "city.png")
    png(clean_otter(), tmp_path / "bench" / "otter.png")
    reported: list[tuple[str, int, int]] = []
    report = check_data([tmp_path / "train"], [tmp_path / "bench"], 2, 40, lambda *progress: reported.append(progress))
    assert report.clean
    assert reported == [("benchmark", 0, 1), ("benchmark", 1, 1), ("pictures", 0, 1), ("pictures", 1, 1)]


def test_a_turned_benchmark_picture_is_found(tmp_path: Path) -> None:
    png(np.rot90(city()), tmp_path / "train" / "city.png")
    png(city(), tmp_path / "bench" / "city.png")
    (finding,) = check_data([tmp_path / "train"], [tmp_path / "bench"], 2, 40).findings
    assert (finding.kind, finding.other) == ("overlap", tmp_path / "bench" / "city.png")


def test_flat_pictures_are_compared_for_equal_pixels_only(tmp_path: Path) -> None:
    """Two walls, one of them there twice: their hashes say nothing."""
    for name, level in (("a", 100), ("b", 180), ("c", 100)):
        png(np.full((200, 200, 3), level, np.uint8), tmp_path / f"{name}.png")
    findings = check_data([tmp_path], [tmp_path]).findings
    assert [(f.kind, f.file.name) for f in findings if f.other] == [("duplicate", "c.png")]


def test_a_progress_that_raises_ends_the_run(tmp_path: Path) -> None:
    for name in "abc":
        png(city(), tmp_path / f"{name}.png")

    def interrupted(doing: str, done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_data([tmp_path], progress=interrupted)


def test_bad_input_is_refused(tmp_path: Path) -> None:
    png(city(), tmp_path / "train" / "city.png")
    png(city(), tmp_path / "lr" / "LR_bicubic" / "city.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_text("no picture")
    for folders, against, reason in [
        (["missing"], [], "missing: "),
        (["empty"], [], "empty: "),
        (["train"], ["empty"], "empty: "),
        (["train"], ["lr"], "lr: "),
    ]:
        with pytest.raises(DataError, match=reason):
            check_data([tmp_path / name for name in folders], [tmp_path / name for name in against])
    with pytest.raises(PictureError, match=r"a\.png"):
        check_data([tmp_path / "train"], [tmp_path / "bad"])
    with pytest.raises(ConfigError, match="scale 0"):
        check_data([tmp_path / "train"], scale=0)


def test_a_blurred_photo_is_blurry_and_not_flat(tmp_path: Path) -> None:
    Image.fromarray(city()).filter(ImageFilter.GaussianBlur(1.5)).save(tmp_path / "city.png")
    assert [f.kind for f in check_data([tmp_path]).findings] == ["blurry"]
