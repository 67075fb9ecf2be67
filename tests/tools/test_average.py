"""The mean of weights, against arithmetic on the parameters; a released name in place of the run's."""

from pathlib import Path

import pytest
import torch

from elansr.errors import WeightsError
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.weights.provenance import Provenance
from elansr.weights.weights_file import load, save
from tools.average import average, main


def network(blocks: int = 1) -> ELAN:
    return ELAN(ELANConfig(scale=2, channels=6, blocks=blocks, n_share=0))


def test_the_mean_is_that_of_every_parameter_and_statistic() -> None:
    first, second = network(), network()
    for norm in (m for m in second.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        norm.running_mean = torch.full((12,), 4.0)
        norm.num_batches_tracked = torch.tensor(7)
    mean, a, b = (n.state_dict() for n in (average([first, second]), first, second))
    for name, value in mean.items():
        expected = (a[name] + b[name]) / 2 if value.is_floating_point() else b[name]
        torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-6)
    assert mean["body.0.attention.project.norm.running_mean"].tolist() == [2.0] * 12


def test_networks_that_differ_are_refused() -> None:
    with pytest.raises(WeightsError, match="have no mean"):
        average([network(1), network(2)])


def test_the_story_is_that_of_the_last_run_under_the_new_name(tmp_path: Path) -> None:
    files = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for file, run, steps in zip(files, ("first_run", "second_run"), (100, 40), strict=True):
        save(network(), file, Provenance(name=run, recipe="{}", steps=steps, licence="CC0-1.0", metrics={"dB": 30.0}))
    main(files, tmp_path / "mean.safetensors", "elan-light-x2", steps=140)
    _, story = load(tmp_path / "mean.safetensors")
    assert (story.name, story.steps, story.licence, story.metrics) == ("elan-light-x2", 140, "CC0-1.0", {})
    assert "first_run" in story.recipe
    assert "second_run" in story.recipe


def test_a_single_file_is_renamed(tmp_path: Path) -> None:
    only = network()
    save(only, tmp_path / "best.safetensors", Provenance(name="my_run", recipe="{}", steps=7, metrics={"dB": 30.0}))
    main([tmp_path / "best.safetensors"], tmp_path / "out.safetensors", "elan-light-x2")
    renamed, story = load(tmp_path / "out.safetensors")
    assert (story.name, story.recipe, story.steps, story.metrics) == ("elan-light-x2", "{}", 7, {"dB": 30.0})
    assert all(torch.equal(a, b) for a, b in zip(renamed.parameters(), only.parameters(), strict=True))
