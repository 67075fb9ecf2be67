"""`elansr check-data` as a user runs it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.command_line import Ended
from tests.training.photos import city, otter, resized

Call = Callable[..., Ended]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    Image.fromarray(city()).save(tmp_path / "good" / "city.png")
    Image.fromarray(otter()).save(tmp_path / "bad" / "otter.jpg", quality=80)
    for i in range(7):
        Image.fromarray(resized(otter(), 0.5 + i / 20)[:, ::-1]).save(tmp_path / "bad" / f"{i}.png")
    return tmp_path


def test_a_clean_set_ends_with_0(call: Call, folder: Path) -> None:
    ended = call("check-data", folder / "good")
    assert ended.code == 0
    assert ended.stdout.startswith("1 picture, for crops of 192x192 (x4)\n")
    assert len(ended.stdout.splitlines()) == 2
    assert ended.stderr == ""


def test_against_takes_the_name_of_a_set(call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "benchmark").mkdir()
    (folder / "bad").rename(folder / "benchmark" / "Set5")
    monkeypatch.setenv("ELANSR_DATA", str(folder))
    monkeypatch.chdir(folder)
    report = json.loads(call("check-data", "good", "--against", "Set5", "--json").stdout)
    assert report["against"] == [str(folder / "benchmark" / "Set5")]


def test_findings_end_with_1_and_are_counted_and_named(call: Call, folder: Path) -> None:
    ended = call(
        "check-data", folder / "good", folder / "bad", "-s", "2", "--patch", "64", "--against", folder / "good"
    )
    assert ended.code == 1
    lines = ended.stdout.splitlines()
    assert lines[0] == "9 pictures, for crops of 128x128 (x2)"
    counts = {line.split()[1]: int(line.split()[0]) for line in lines if line[:7].strip().isdigit()}
    assert counts == {"tiny": 1, "lossy": 1, "near-duplicate": 7, "overlap": 1}
    assert f"  {folder}/bad/otter.jpg: JPEG, quality about 80" in lines
    assert f"  {folder}/bad/0.png: 160x120, but a crop needs 128x128" in lines
    assert any("2 more" in line for line in lines)
    city_png = f"{folder}/good/city.png"
    assert f"  {city_png}: 0 of 256 bits of the hash differ ({city_png})" in lines


def test_json_has_everything(call: Call, folder: Path) -> None:
    ended = call("check-data", folder / "bad", "--json")
    assert ended.code == 1
    document = json.loads(ended.stdout)
    assert (document["scale"], document["patch"], document["clean"]) == (4, 48, False)
    assert document["folders"] == [str(folder / "bad")]
    assert document["counts"]["near-duplicate"] == 7
    assert len([f for f in document["findings"] if f["kind"] == "near-duplicate"]) == 7
    picture = next(p for p in document["pictures"] if p["file"].endswith("otter.jpg"))
    assert picture | {"gradient": 0, "sharpness": 0, "jpeg_grid": 0} == {
        "file": str(folder / "bad" / "otter.jpg"),
        "width": 320,
        "height": 240,
        "format": "jpeg",
        "lossy": True,
        "quality": 80,
        "gradient": 0,
        "sharpness": 0,
        "jpeg_grid": 0,
    }
    assert picture["jpeg_grid"]["found"]
    assert picture["jpeg_grid"]["quality"] == 80


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["missing"], "missing: "),
        (["good", "--against", "empty"], "empty: "),
        (["good/city.png"], "city.png: "),
    ],
)
def test_bad_input_ends_with_2_and_one_line(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    (folder / "empty").mkdir()
    monkeypatch.chdir(folder)
    ended = call("check-data", *arguments)
    assert ended.code == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("error: ")
    assert reason in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_an_odd_name_is_shown_on_one_line(call: Call, tmp_path: Path) -> None:
    Image.fromarray(np.full((300, 300, 3), 9, np.uint8)).save(tmp_path / "a\nb.png")
    ended = call("check-data", tmp_path)
    assert ended.code == 1
    assert ended.stdout.splitlines()[-1].endswith("a\\nb.png': gradient 0.00, below 2")
