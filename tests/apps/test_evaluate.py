"""`elansr evaluate` and `elansr train` as a user runs them."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from elansr.apps.cli.main import app
from elansr.imaging.files import Picture, write

RUN = CliRunner()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (48, 60, 3), np.uint8)
    for name in ("a", "b"):
        (tmp_path / name / "HR").mkdir(parents=True)
        write(Picture(pages=(noise,)), tmp_path / name / "HR" / f"{name}.png")
    return tmp_path


def test_json_has_the_form_that_is_promised(folder: Path) -> None:
    arguments = [
        "evaluate",
        "-n",
        "bicubic",
        "-s",
        "3",
        "--data",
        str(folder / "a"),
        str(folder / "b" / "HR"),
        "--json",
    ]
    result = RUN.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["model"], told["scale"]) == ("bicubic", 3)
    assert "uint8" in told["protocol"]
    assert list(told["sets"]) == ["a", "b"]
    scores = told["sets"]["a"]
    assert scores["pictures"] == {"a": {"psnr": scores["psnr"], "ssim": scores["ssim"]}}


def test_a_released_model_is_scored_in_a_table(folder: Path) -> None:
    result = RUN.invoke(app, ["evaluate", str(folder / "a"), "-s", "2", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].startswith("elan-light x2")
    assert result.stdout.splitlines()[-1].split()[:2] == ["a", "1"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["evaluate"], "give --data"),
        (["evaluate", "missing"], "missing: not a folder"),
        (["evaluate", "a", "a"], "two folders of the same name"),
        (["train", "missing.toml"], "missing.toml: cannot be read"),
    ],
)
def test_mistakes_end_with_one_line_and_code_2(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    monkeypatch.chdir(folder)
    result = RUN.invoke(app, [*arguments, "-n", "bicubic"] if arguments[0] == "evaluate" else arguments)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1
