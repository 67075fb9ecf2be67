"""Networks from tensors alone: the same as from the file, as far as tensors can say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from elansr.errors import WeightsError
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.weights.foreign import contents_of, is_elan
from tests.weights.by_hand import TINY, official_state, theirs
from tests.weights.samples import random_network

CONFIGS = [
    TINY,
    ELANConfig(scale=3, channels=12, blocks=2, n_share=0, expansion=3, windows=(2, 4)),
    ELANConfig(scale=1, channels=6, blocks=6, n_share=2),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_our_tensors_say_all_but_windows_and_mean(config: ELANConfig) -> None:
    network = random_network(config)
    found = contents_of(network.state_dict(), config.windows)
    assert (found.layout, found.config) == ("elansr", config)
    assert found.state.keys() == network.state_dict().keys()
    assert all(np.array_equal(found.state[name], tensor.numpy()) for name, tensor in network.state_dict().items())


def test_half_precision_comes_back_as_float32() -> None:
    state = {name: t.half() if t.is_floating_point() else t for name, t in random_network().state_dict().items()}
    assert {str(array.dtype) for array in contents_of(state, TINY.windows).state.values()} == {"float32", "int64"}


def test_the_authors_tensors_compute_what_they_compute() -> None:
    state, picture = official_state(), torch.rand(1, 3, 16, 16)
    network = contents_of(state, TINY.windows).network()
    torch.testing.assert_close(
        network.double()(picture.double()), theirs(state, 255 * picture) / 255, atol=1e-5, rtol=0
    )


def test_without_mean_keys_pictures_are_in_0_to_1() -> None:
    state, picture = official_state(mean_shift=False), torch.rand(1, 3, 16, 16)
    found = contents_of(state, TINY.windows)
    assert (found.layout, found.config.rgb_mean) == ("trainner", (0, 0, 0))
    torch.testing.assert_close(found.network().double()(picture.double()), theirs(state, picture), atol=1e-5, rtol=0)


def test_what_is_an_elan(tmp_path: Path) -> None:
    assert is_elan(random_network().state_dict())
    assert is_elan(official_state())
    assert not is_elan({})
    assert not is_elan({"head.weight": 0, "tail.0.weight": 0, "body.0.weight": 0})


def changed(**values: Any) -> dict[str, Any]:
    """Our tensors with others under some names."""
    return random_network().state_dict() | {name.replace("__", "."): value for name, value in values.items()}


@pytest.mark.parametrize(
    ("state", "complaint"),
    [
        (changed(epoch=3), "'epoch'"),
        (changed(extra=torch.zeros(1)), "'extra' unknown"),
        (changed(head__weight=torch.zeros(6)), "head.*weight"),
        (changed(head__weight=torch.zeros(6, 1, 3, 3)), "1 colours"),
        (changed(head__weight=torch.zeros(7, 3, 3, 3)), "channels=7: "),
        (changed(tail__0__weight=torch.zeros(13, 6, 3, 3)), r"tail\.0\.weight .*\[13, 6, 3, 3\].*\[12, 6, 3, 3\]"),
        (changed(head__bias=torch.full((6,), torch.nan)), "head.bias has NaN"),
    ],
)
def test_what_is_refused(state: dict[str, Tensor], complaint: str) -> None:
    with pytest.raises(WeightsError, match=complaint):
        contents_of(state, TINY.windows)


def test_a_missing_block_is_named() -> None:
    state = {name: t for name, t in random_network().state_dict().items() if not name.startswith("body.1.local.1.")}
    with pytest.raises(WeightsError, match=r"'body\.1\.local\.1\.expand\.conv\.bias'.*missing"):
        contents_of(state, TINY.windows)


def test_more_blocks_than_tensors_are_never_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names may promise a network of any size."""
    monkeypatch.setattr(ELAN, "__init__", lambda *_: pytest.fail("made a network"))
    names = [f"body.{i}.x" for i in range(300)] + [f"body.0.shared.{i}.x" for i in range(300)]
    sized = dict.fromkeys(names, torch.zeros(1))
    with pytest.raises(WeightsError, match="blocks="):
        contents_of(changed_without_network() | sized, TINY.windows)


def changed_without_network() -> dict[str, Tensor]:
    return {
        "head.weight": torch.zeros(6, 3, 3, 3),
        "tail.0.weight": torch.zeros(12, 6, 3, 3),
        "body.0.local.0.expand.conv.weight": torch.zeros(12, 6, 1, 1),
        "body.0.attention.project.conv.weight": torch.zeros(12, 6, 1, 1),
    }
