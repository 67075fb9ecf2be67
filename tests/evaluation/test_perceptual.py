"""Perceptual metrics through a stand-in for pyiqa: it needs torchvision, which fits the torch of one build only."""

import csv
import importlib
import json
import math
import sys
import urllib.request
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import elansr
from elansr.cli.main import app
from elansr.errors import ConfigError, MissingExtraError, WeightsError
from elansr.evaluation.models import bicubic
from elansr.evaluation.perceptual import SMALLEST, load_metrics
from elansr.images import Picture, downscale, write
from tests.evaluation.parsed import Page

RUN = CliRunner()
RNG = np.random.default_rng(0)
HR = RNG.integers(0, 256, (2, 100, 120, 3), np.uint8)


class StandIn:
    """A metric with an interface and a mode as pyiqa's: the mean absolute difference, or the mean of SR."""

    def __init__(self, name: str, device: torch.device) -> None:
        assert device.type == "cpu"
        self.metric_mode = "NR" if name == "niqe" else "FR"

    def __call__(self, sr: torch.Tensor, hr: torch.Tensor | None = None) -> torch.Tensor:
        assert (hr is None) == (self.metric_mode == "NR")
        assert sr.ndim == 4
        return (sr - (0 if hr is None else hr)).abs().mean()[None]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """What is to be downloaded; where it goes is beside it."""
    path = tmp_path / "server" / "lpips.pth"
    path.parent.mkdir()
    path.write_text("weights")
    return path


@pytest.fixture
def pyiqa(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, weights: Path) -> Path:
    """A stand-in whose metrics download their weights as PyTorch's hub does; returns the file of its cache."""
    cached = tmp_path / "cached.pth"

    def create_metric(name: str, device: torch.device) -> StandIn:
        if not cached.exists():
            print("Downloading ...")
            with urllib.request.urlopen(urllib.request.Request(weights.as_uri())) as answer:
                cached.write_bytes(answer.read())
        return StandIn(name, device)

    module: Any = ModuleType("pyiqa")
    module.create_metric = create_metric
    monkeypatch.setitem(sys.modules, "pyiqa", module)
    return cached


def test_metrics_are_of_pictures_from_0_to_1(pyiqa: Path) -> None:
    pyiqa.touch()
    metrics = load_metrics(["niqe", "lpips"], "cpu")
    assert list(metrics) == ["niqe", "lpips"]
    sr = HR[1]
    difference = np.abs(sr.astype(float) - HR[0]).mean() / 255
    assert metrics["lpips"](sr, HR[0]) == pytest.approx(difference, abs=1e-6)
    assert metrics["niqe"](sr, HR[0]) == metrics["niqe"](sr, None) == pytest.approx(sr.mean() / 255, abs=1e-6)


def test_what_cannot_be_measured_is_nan(pyiqa: Path) -> None:
    pyiqa.touch()
    metrics = load_metrics(["niqe", "lpips", "dists"], "cpu")
    assert math.isnan(metrics["lpips"](HR[0], None))
    assert math.isnan(metrics["dists"](HR[0], None))
    for name, least in SMALLEST.items():
        just, under = (HR[0][:side, :side] for side in (least, least - 1))
        assert math.isfinite(metrics[name](just, just))
        assert under.size == 0 or math.isnan(metrics[name](under, under))


def test_nothing_is_downloaded_unasked(pyiqa: Path, weights: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WeightsError) as refused:
        load_metrics(["lpips"], "cpu")
    for part in (weights.as_uri(), torch.hub.get_dir(), "233 MB", "`download=True`"):
        assert part in str(refused.value)
    assert not pyiqa.exists()
    with urllib.request.urlopen(weights.as_uri()) as answer:  # as before, for everybody else
        assert answer.read() == b"weights"
    load_metrics(["lpips"], "cpu", download=True)
    assert pyiqa.read_text() == "weights"
    load_metrics(["lpips"], "cpu")  # from now on it is there
    assert capfd.readouterr().out == "", "scores go there"


def test_a_download_that_fails_is_one_line(pyiqa: Path, weights: Path) -> None:
    weights.unlink()
    with pytest.raises(WeightsError, match="^lpips: "):
        load_metrics(["lpips"], "cpu", download=True)


def test_no_metric_needs_no_pyiqa(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyiqa", None)
    assert load_metrics([]) == {}
    with pytest.raises(MissingExtraError, match=r"\.\[metrics\]"):
        load_metrics(["lpips"], "cpu")
    with pytest.raises(ConfigError, match="'psnr'.*lpips, dists, niqe"):
        load_metrics(["psnr"], "cpu")  # type: ignore[list-item]


def test_with_a_torchvision_of_another_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyiqa.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.delitem(sys.modules, "pyiqa", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    with pytest.raises(MissingExtraError, match="nms does not exist") as caught:
        load_metrics(["lpips"], "cpu")
    assert "[metrics]" not in str(caught.value)  # what brought it


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, pixels in zip("ab", HR, strict=True):
        write(Picture((pixels,)), folder / f"{name}.png")
    return folder


def test_they_stand_beside_psnr_everywhere(photos: Path, pyiqa: Path, tmp_path: Path) -> None:
    pyiqa.touch()
    arguments = ["evaluate", "-n", "bicubic", "-s", "2", str(photos), "--metric", "lpips", "--metric", "niqe"]
    files = ["--csv", str(tmp_path / "s.csv"), "--html", str(tmp_path / "r.html")]
    result = RUN.invoke(app, [*arguments, *files, "--json"])
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)["sets"]["photos"]
    expected = {}
    for name, hr in zip("ab", HR, strict=True):
        sr = bicubic(2)(downscale(hr, 2))
        expected[name] = (np.abs(sr.astype(float) - hr).mean() / 255, sr.mean() / 255)
        found = scores["pictures"][name]
        assert (found["lpips"], found["niqe"]) == pytest.approx(expected[name], abs=1e-6)
    means = np.mean(list(expected.values()), axis=0)
    assert (scores["lpips"], scores["niqe"]) == pytest.approx(means, abs=1e-6)

    with (tmp_path / "s.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    pictures = scores["pictures"]
    assert [float(row["lpips"]) for row in rows] == [one["lpips"] for one in (pictures["a"], pictures["b"], scores)]

    page = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    for row, name in zip([e for e in page.all("tr") if "data-lpips" in e.attributes], "ab", strict=True):
        assert float(row.attributes["data-lpips"]) == scores["pictures"][name]["lpips"]
    heads = [e.attributes["data-by"] for e in page.all("th") if "data-by" in e.attributes]
    assert heads == ["set", "name", "psnr", "ssim", "consistency", "lpips", "niqe", "gain"]
    assert page.one("option", value="lpips down").text.startswith("LPIPS, worst")

    text = RUN.invoke(app, arguments).stdout.splitlines()
    columns = text[-2].split()
    assert columns[2:] == ["PSNR-Y", "SSIM-Y", "consistency", "LPIPS", "NIQE", "seconds"]
    assert float(text[-1].split()[columns.index("LPIPS")]) == pytest.approx(means[0], abs=5e-5)


def test_without_hr_only_what_looks_at_sr_alone(photos: Path, pyiqa: Path) -> None:
    pyiqa.touch()
    (scores,) = elansr.evaluate("bicubic", lr=photos, scale=2, metrics=["lpips", "niqe"]).scores
    assert math.isnan(scores.perceptual["lpips"])
    assert scores.perceptual["niqe"] == pytest.approx(np.mean([bicubic(2)(lr).mean() for lr in HR]) / 255, abs=1e-6)


def test_the_command_line_says_how_to_allow_a_download(photos: Path, pyiqa: Path) -> None:
    arguments = ["evaluate", "-n", "bicubic", "-s", "2", str(photos), "--metric", "lpips"]
    refused = RUN.invoke(app, arguments)
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert "--download" in refused.stderr
    assert RUN.invoke(app, [*arguments, "--download"]).exit_code == 0
    assert pyiqa.exists()
