"""`elansr evaluate` and `elansr train` as a user runs them."""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from elansr.benchmark.networks.imdn import IMDN
from elansr.cli.main import app
from elansr.evaluation import consistency
from elansr.images import Picture, downscale, read, write
from elansr.upscaling.upscaler import Upscaler
from elansr.weights.load import load_network
from tests.command_line import Ended

RUN = CliRunner()
Call = Callable[..., Ended]
NOISE = np.random.default_rng(0).integers(0, 256, (48, 60, 3), np.uint8)


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(Picture((pixels,)), path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`a` has LR files at x2, `b` has none; one stands in the folder above."""
    for name in ("a", "b"):
        save(tmp_path / name / "HR" / f"{name}.png", NOISE)
    save(tmp_path / "a" / "LR_bicubic" / "X2" / "ax2.png", downscale(NOISE, 2))
    monkeypatch.chdir(tmp_path)
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
    assert list(scores["pictures"]) == ["a"]
    for key in ("psnr", "ssim", "consistency"):
        assert scores["pictures"]["a"][key] == scores[key] > 0


def test_a_released_model_is_scored_in_a_table(folder: Path) -> None:
    result = RUN.invoke(app, ["evaluate", str(folder / "a"), "-s", "2", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].startswith("elan-light x2")
    assert result.stdout.splitlines()[-1].split()[:2] == ["a", "1"]


def test_each_set_says_where_its_lr_comes_from_and_each_picture_has_a_row(folder: Path, call: Call) -> None:
    lines = call("evaluate", "-n", "bicubic", "-s", 2, "a", "b").stdout.splitlines()
    assert lines[1] == "a: 1 picture, LR: files"
    assert lines[3].split()[0] == "a"
    assert lines[4] == "b: 1 picture, LR: made by MATLAB bicubic"
    told = json.loads(call("evaluate", "-n", "bicubic", "-s", 2, "a", "b", "--json").stdout)["sets"]
    assert [(told[name]["lr"], told[name]["lr_checked"]) for name in "ab"] == [
        ("files", True),
        ("made by MATLAB bicubic", False),
    ]
    score = told["a"]["pictures"]["a"]
    assert lines[3].split()[1:4] == [f"{score['psnr']:.3f}", f"{score['ssim']:.4f}", f"{score['consistency']:.2f}"]


def test_lr_that_belongs_to_another_hr_ends_the_run_before_anything_is_computed(folder: Path, call: Call) -> None:
    save(folder / "b" / "LR_bicubic" / "X2" / "bx2.png", downscale(NOISE[::-1].copy(), 2))
    arguments = ("evaluate", "-n", "bicubic", "-s", 2, "a", "b", "--save", "sr")
    refused = call(*arguments)
    assert (refused.code, refused.stdout) == (2, "")
    assert refused.stderr.startswith("error: b/LR_bicubic/X2/bx2.png: LR is ")
    assert refused.stderr.count("\n") == 1
    assert "--no-check" in refused.stderr
    assert not (folder / "sr").exists()
    measured = call(*arguments, "--no-check")
    assert measured.code == 0
    assert "b: 1 picture, LR: files, not checked against HR (--no-check)" in measured.stdout


def test_authors_protocol_rounds_up_and_says_so(folder: Path, call: Call) -> None:
    def measured(protocol: str) -> dict[str, float]:
        arguments = ("evaluate", "-n", "elan-light-x2", "--data", "a", "--protocol", protocol, "--json")
        return json.loads(call(*arguments).stdout)["sets"]["a"]

    paper, authors = measured("paper"), measured("authors")
    one = authors["pictures"]["a"]  # type: ignore[index]
    assert (authors["psnr"], authors["ssim"]) == (round(one["psnr"] + 5e-3, 2), round(one["ssim"] + 5e-5, 4))
    assert 0 < abs(one["psnr"] - paper["psnr"]) < 0.05
    arguments = ("evaluate", "-n", "bicubic", "-s", 2, "--data", "a", "--protocol", "authors")
    bicubic = json.loads(call(*arguments, "--json").stdout)["sets"]["a"]["psnr"]
    text = call(*arguments).stdout
    assert "do not compare" in text.splitlines()[1]
    assert text.splitlines()[-1].split()[2] == f"{bicubic:.2f}"


def test_several_models_make_one_table_and_a_list(folder: Path, call: Call, weights: dict[int, Path]) -> None:
    torch.manual_seed(0)
    torch.save(IMDN(2).state_dict(), folder / "imdn.pth")
    arguments = ("evaluate", "-n", weights[2], "-n", "bicubic", "-n", "./imdn.pth", "a", "b")
    rows = call(*arguments, "-s", 2).stdout.splitlines()
    assert [row.split()[:2] for row in rows[-6:]] == [
        [name, model] for name in "ab" for model in (str(weights[2]), "bicubic", "./imdn.pth")
    ]
    told = json.loads(call(*arguments, "-s", 2, "--json").stdout)
    assert [one["model"] for one in told["models"]] == [str(weights[2]), "bicubic", "./imdn.pth"]
    single = json.loads(call("evaluate", "-n", "bicubic", "-s", 2, "a", "b", "--json").stdout)
    for name in "ab":
        assert told["models"][1]["sets"][name]["psnr"] == single["sets"][name]["psnr"]
    call(*arguments, "-s", 2, "--save", "sr")
    saved = {path.relative_to(folder / "sr").as_posix() for path in (folder / "sr").rglob("*.png")}
    assert saved == {f"{model}/{name}/{name}.png" for model in ("tiny_x2", "bicubic", "imdn") for name in "ab"}


def test_the_row_of_the_paper_stands_below_ours(folder: Path, call: Call) -> None:
    (folder / "a").rename(folder / "set5")
    lines = call("evaluate", "-n", "elan-light-x2", "set5").stdout.splitlines()
    assert " ".join(lines[-1].split()) == "paper ELAN-light x2 38.17 0.9611 (not comparable: Set5 has 5 pictures)"
    for number in range(4):
        save(folder / "set5" / "HR" / f"{number}.png", NOISE)
        save(folder / "set5" / "LR_bicubic" / "X2" / f"{number}.png", downscale(NOISE, 2))
    lines = call("evaluate", "-n", "elan-light-x2", "set5").stdout.splitlines()
    difference = float(lines[-2].split()[2]) - 38.17
    assert lines[-1].split()[:5] == ["paper", "ELAN-light", "x2", "38.17", "0.9611"]
    assert lines[-1].endswith(f"(difference {difference:+.2f})")
    lines = call("evaluate", "-n", "bicubic", "-s", 2, "set5", "--protocol", "authors").stdout.splitlines()
    assert lines[-1].split()[0] == "set5"  # what others published is under another protocol


def test_pictures_csv_and_report_are_written(folder: Path, call: Call, weights: dict[int, Path]) -> None:
    arguments = (
        "evaluate",
        "-n",
        weights[2],
        "a",
        "b",
        "--save",
        "out/sr",
        "--csv",
        "scores.csv",
        "--html",
        "page.html",
    )
    told = json.loads(call(*arguments, "--json").stdout)["sets"]
    upscaler = Upscaler(load_network(weights[2]), device="cpu", precision="fp32", border="cyclic")
    np.testing.assert_array_equal(read(folder / "out/sr/a/a.png").pixels, upscaler(downscale(NOISE, 2)))
    with (folder / "scores.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    told_rows = [(row["set"], row["row"], row["picture"]) for row in rows]
    assert told_rows == [("a", "picture", "a"), ("a", "mean", ""), ("b", "picture", "b"), ("b", "mean", "")]
    assert {(row["model"], row["scale"], row["protocol"]) for row in rows} == {(str(weights[2]), "2", "paper")}
    assert [row["lr"] for row in rows[1:3]] == ["files", "made by MATLAB bicubic"]
    for row in rows:
        scores = told[row["set"]]["pictures"].get(row["picture"], told[row["set"]])
        assert (float(row["psnr_y"]), float(row["ssim_y"])) == (scores["psnr"], scores["ssim"])
        assert float(row["consistency"]) == scores["consistency"]
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert page.count("<html") == 1
    assert f"{told['a']['psnr']:.3f}" in page


@pytest.mark.parametrize("option", ["--save", "--csv", "--html"])
def test_nothing_is_overwritten_unasked_and_the_run_does_not_begin(folder: Path, call: Call, option: str) -> None:
    out = {"--save": "sr", "--csv": "scores.csv", "--html": "page.html"}[option]
    arguments = ("evaluate", "-n", "bicubic", "-s", 2, "a", "b", option, out)
    existing = folder / ("sr/b/b.png" if option == "--save" else out)
    existing.parent.mkdir(parents=True, exist_ok=True)
    existing.write_text("mine")
    refused = call(*arguments)
    assert (refused.code, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"error: {existing.relative_to(folder)}: ")
    assert "--overwrite" in refused.stderr
    assert existing.read_text() == "mine"
    assert not (folder / "sr/a").exists()
    assert call(*arguments, "--overwrite").code == 0
    assert existing.read_bytes() != b"mine"


def test_a_folder_of_lr_alone_is_checked_for_consistency(folder: Path, call: Call, weights: dict[int, Path]) -> None:
    save(folder / "phone" / "p.png", NOISE)
    arguments = ("evaluate", "-n", weights[3], "-s", 3, "--lr", "phone", "--save", "sr", "--csv", "c.csv")
    told = json.loads(call(*arguments, "--json").stdout)["sets"]["phone"]
    sr = read(folder / "sr/phone/p.png").pixels
    assert sr.shape == (144, 180, 3)
    assert told["pictures"]["p"]["consistency"] == told["consistency"] == consistency(sr, NOISE, 3)
    assert (told["psnr"], told["ssim"]) == (None, None)
    lines = call("evaluate", "-n", weights[3], "--lr", "phone").stdout.splitlines()
    assert lines[1] == "phone: 1 picture, LR: files, no HR"
    assert lines[-1].split()[:5] == ["phone", "1", "-", "-", f"{told['consistency']:.2f}"]
    assert (folder / "c.csv").read_text().splitlines()[1].split(",")[3:8] == ["phone", "picture", "p", "", ""]


def test_lr_names_the_lr_files_of_one_set(folder: Path, call: Call) -> None:
    (folder / "a" / "LR_bicubic" / "X2").rename(folder / "elsewhere")
    told = json.loads(call("evaluate", "-n", "bicubic", "-s", 2, "a", "--lr", "elsewhere", "--json").stdout)
    assert told["sets"]["a"]["lr"] == "files"


def test_infinite_scores_are_valid_json_and_csv(folder: Path, call: Call) -> None:
    save(folder / "flat" / "f.png", np.full((40, 40, 3), 9, np.uint8))
    ended = call("evaluate", "-n", "bicubic", "-s", 2, "flat", "--json", "--csv", "c.csv")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    told = json.loads(ended.stdout, parse_constant=refuse)["sets"]["flat"]
    assert told["psnr"] == told["pictures"]["f"]["consistency"] == "Infinity"
    assert float(told["psnr"]) == math.inf
    assert (folder / "c.csv").read_text().splitlines()[1].split(",")[6] == "inf"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["evaluate"], "--data"),
        (["evaluate", "missing"], "missing: "),
        (["evaluate", "a", "a"], "a, a"),
        (["evaluate", "a", "-n", "elan-light", "-s", "7"], "x7"),
        (["evaluate", "a", "-n", "bicubic", "-n", "elan-light-x2"], "bicubic x4, elan-light-x2 x2"),
        (["evaluate", "a", "-n", "bicubic", "-n", "bicubic"], "bicubic, bicubic"),
        (["evaluate", "a", "b", "--lr", "a"], "a: "),
        (["evaluate", "a", "--lr", "a"], "ax4.png: "),
        (["evaluate", "--lr", "missing"], "missing: "),
        (["evaluate", "--lr", "a/HR", "--html", "page.html"], "--html"),
        (["evaluate", "a", "--csv", "out", "--html", "./out"], "out: "),
        (["evaluate", "a", "--html", "page.txt"], "page.txt: "),
        (["evaluate", "a", "--csv", "gone/out.csv"], "gone"),
        (["evaluate", "a", "--html", "a"], "a: "),
        (["evaluate", "a", "--save", "a/HR/a.png"], "a/HR/a.png"),
        (["evaluate", "a/HR", "--save", "plain", "--overwrite"], "plain/a/a.png: "),
        (["evaluate", "a", "--metric", "psnr"], "'psnr'"),
        (["train", "missing.toml"], "missing.toml: "),
    ],
)
def test_mistakes_end_with_one_line_and_code_2(folder: Path, arguments: list[str], named: str) -> None:
    (folder / "plain" / "a").mkdir(parents=True)
    (folder / "plain" / "a" / "a.png").symlink_to(folder / "a" / "HR" / "a.png")
    if arguments[0] == "evaluate" and "-n" not in arguments:
        arguments = [*arguments, "-n", "bicubic"]
    result = RUN.invoke(app, arguments)
    assert result.exit_code == 2
    assert named in result.stderr
    assert result.stderr.count("\n") == 1
