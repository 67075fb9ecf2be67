"""Starting from other weights."""

import dataclasses
import hashlib
from pathlib import Path

import pytest
import torch

from elansr.errors import ConfigError
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN, create_model
from elansr.training.recipe import DataRecipe, NetworkRecipe, Recipe, RunRecipe, ScheduleRecipe
from elansr.training.start import resample_tail, starting_network
from elansr.weights.provenance import Provenance
from elansr.weights.weights_file import save


def recipe(scale: int, start: Path | str | None) -> Recipe:
    return Recipe(
        NetworkRecipe("elan-light", scale, None if start is None else str(start)),
        DataRecipe(["x"], ["x"], 16),
        ScheduleRecipe(1, 4, 1e-3),
        RunRecipe("x"),
    )


@pytest.mark.parametrize("scale", [3, 4])
def test_another_scale_takes_all_but_the_tail_as_it_is(tmp_path: Path, scale: int) -> None:
    source = create_model("elan-light", 2)
    save(source, tmp_path / "x2.safetensors", Provenance())
    network = starting_network(recipe(scale, tmp_path / "x2.safetensors"))
    state, theirs = network.state_dict(), source.state_dict()
    assert all(torch.equal(state[k], theirs[k]) for k in state if not k.startswith("tail."))
    assert network.config == dataclasses.replace(source.config, scale=scale)


def test_a_resampled_tail_enlarges_by_the_nearest_sub_pixel() -> None:
    x2 = torch.arange(4.0)  # one colour, sub-pixels [[0, 1], [2, 3]]
    assert resample_tail(x2, 2, 4).view(4, 4).tolist() == [[0, 0, 1, 1]] * 2 + [[2, 2, 3, 3]] * 2
    assert resample_tail(x2, 2, 2).tolist() == x2.tolist()
    assert resample_tail(torch.rand(12, 60, 3, 3), 2, 3).shape == (27, 60, 3, 3)


def test_the_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save(ELAN(ELANConfig(scale=2, channels=6, blocks=1, n_share=0)), tmp_path / "x.safetensors", Provenance())
    with pytest.raises(ConfigError, match="start_from="):
        starting_network(recipe(2, tmp_path / "x.safetensors"))


def test_a_recipe_may_change_the_preset() -> None:
    changed = NetworkRecipe("elan-light", 3, blocks=6, n_share=2, windows=[4, 6])
    network = starting_network(dataclasses.replace(recipe(3, None), network=changed))
    assert network.config == ELANConfig(scale=3, channels=60, blocks=6, n_share=2, windows=(4, 6))


def test_a_network_that_cannot_be_is_refused_by_its_rule() -> None:
    impossible = dataclasses.replace(recipe(3, None), network=NetworkRecipe("elan-light", 3, n_share=4))
    with pytest.raises(ConfigError, match=r"\[network\].*blocks=24.*n_share"):
        starting_network(impossible)


def test_the_weights_may_be_named_by_their_bytes(tmp_path: Path) -> None:
    save(create_model("elan-light", 2), tmp_path / "x2.safetensors", Provenance())
    digest = hashlib.sha256((tmp_path / "x2.safetensors").read_bytes()).hexdigest()
    plain = recipe(2, tmp_path / "x2.safetensors")

    def network(sha256: str) -> ELAN:
        return starting_network(
            dataclasses.replace(plain, network=dataclasses.replace(plain.network, start_sha256=sha256))
        )

    assert network(digest).config.scale == 2
    with pytest.raises(ConfigError, match=digest):
        network("0" * 64)
