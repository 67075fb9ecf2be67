"""Checkpoints as training code leaves them: a state inside other things, its names behind those of other objects."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from elansr.errors import WeightsError
from elansr.nn.elan import ELAN
from elansr.weights.load import convert, read_weights
from tests.weights.by_hand import TINY, official_state

WINDOWS = TINY.windows
State = dict[str, Tensor]
ZEROS = {"head.0.weight": torch.zeros(1)}
"""A state that is not to be taken."""


def under(prefix: str, state: State) -> State:
    return {prefix + name: tensor for name, tensor in state.items()}


def lightning(state: State) -> dict[str, Any]:
    """What `Trainer.save_checkpoint` writes, with a loss network beside the network."""
    return {
        "epoch": 3,
        "global_step": 1200,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": under("model.", state) | {"criterion.vgg.0.weight": torch.ones(3)},
        "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(30.1)}},
        "optimizer_states": [{"state": {}, "param_groups": []}],
        "hyper_parameters": {"scale": 2},
    }


WRAPPED: list[Callable[[State], Any]] = [
    lambda state: {"state_dict": state, "epoch": 3},
    lambda state: {"model": state, "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": []}},
    lambda state: {"net": under("module.", state)},
    lambda state: {"model": ZEROS, "ema": state},
    lambda state: {"state_dict": ZEROS, "model_ema": under("module.", state)},
    lambda state: {"params": under("_orig_mod.", state)},
    lambda state: under("_orig_mod.module.", state),
    lambda state: {"state_dict": under("net_g._orig_mod.", state)},
    lambda state: {"checkpoint": {"model": {"state_dict": under("network.", state)}}},
    lambda state: {"something_of_my_own": state, "step": 5},
    lightning,
]


@pytest.mark.parametrize("suffix", [".pth", ".ckpt"])
@pytest.mark.parametrize("number", range(len(WRAPPED)))
def test_the_network_inside_is_found(tmp_path: Path, number: int, suffix: str) -> None:
    plain, path = official_state(), tmp_path / f"w{suffix}"
    torch.save({"model_state_dict": plain}, tmp_path / "plain.pt")
    torch.save(WRAPPED[number](plain), path)
    expected = read_weights(tmp_path / "plain.pt", windows=WINDOWS)
    found = read_weights(path, windows=WINDOWS)
    assert found.config == expected.config
    assert found.state.keys() == expected.state.keys()
    assert all((found.state[name] == array).all() for name, array in expected.state.items())
    assert read_weights(convert(path, tmp_path / "w.safetensors", windows=WINDOWS)).config == expected.config


def test_safetensors_have_prefixes_too(tmp_path: Path) -> None:
    save_file(under("_orig_mod.", official_state()), tmp_path / "w.safetensors")
    assert read_weights(tmp_path / "w.safetensors", windows=WINDOWS).config.scale == 2


def test_our_network_in_a_module_of_someone_else(tmp_path: Path) -> None:
    class Mine(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = ELAN(TINY)

    mine = Mine()
    torch.save({"state_dict": mine.state_dict()}, tmp_path / "w.ckpt")
    found = read_weights(tmp_path / "w.ckpt", windows=WINDOWS)
    assert all((found.state[name] == tensor.numpy()).all() for name, tensor in mine.model.state_dict().items())


def test_what_lies_beside_the_network_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    torch.save(lightning(official_state()), tmp_path / "w.ckpt")
    read_weights(tmp_path / "w.ckpt", windows=WINDOWS)
    assert "criterion.vgg.0.weight" in caplog.text


@pytest.mark.parametrize(
    "content",
    [
        {"g": official_state(), "d": ZEROS},  # which?
        {"state_dict": under("other.", official_state())},
        {"config": {}, "network": official_state(), "ema": official_state(), "optimizer": {}, "step": 4},  # a run's own
    ],
)
def test_what_could_mean_two_things_is_refused(content: dict[str, Any], tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.ckpt")
    with pytest.raises(WeightsError, match=r"w\.ckpt: "):
        read_weights(tmp_path / "w.ckpt", windows=WINDOWS)
