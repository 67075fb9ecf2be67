"""Checkpoints that are no ELAN, or one that ours cannot express, are refused by name."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from elansr.errors import WeightsError
from elansr.nn.elan import ELAN
from elansr.weights.contents import Contents
from elansr.weights.foreign import write_foreign
from elansr.weights.load import convert, load_network, read_weights
from tests.weights.by_hand import MEAN, TINY, official_state

WINDOWS = TINY.windows


def shifted_kernel() -> Tensor:
    kernel = torch.zeros(6, 1, 3, 3)
    kernel[:, 0, 1, 1] = 1
    return kernel


KERNEL = "body.1.modules_lfe.lfe_1.conv0.shift_conv.weight"
EXPAND = "body.0.modules_lfe.lfe_0.conv0.shift_conv.conv1x1.weight"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sub_mean.bias": -250 * MEAN}, "add_mean does not undo sub_mean"),
        ({"add_mean.bias": -255 * MEAN}, "add_mean does not undo sub_mean"),
        ({"add_mean.weight": 2 * torch.eye(3)[:, :, None, None]}, "add_mean does not undo sub_mean"),
        ({"sub_mean.weight": torch.eye(3).flip(0)[:, :, None, None]}, "sub_mean.weight is not a positive multiple"),
        ({"sub_mean.weight": torch.zeros(3, 3, 1, 1)}, "sub_mean.weight is not a positive multiple"),
        ({"sub_mean.bias": 255 * MEAN, "add_mean.bias": -255 * MEAN}, "not a mean colour"),
        ({"sub_mean.bias": -999 * MEAN, "add_mean.bias": 999 * MEAN}, "not a mean colour"),
        ({"sub_mean.bias": torch.ones(1)}, "sub_mean.bias has the shape [1] where this network has [3]"),
        ({"sub_mean.bias": torch.full((3,), float("nan"))}, "sub_mean.bias has NaN"),
        ({"sub_mean.bias": None}, "'sub_mean.bias' missing"),
        ({KERNEL: shifted_kernel()}, f"{KERNEL} is not ELAN's constant shift"),
        ({KERNEL: None}, f"'{KERNEL}' missing and nothing unknown"),
        ({"head.0.weight": None}, "not an ELAN: no 'head.0.weight'"),
        ({"head.0.weight": torch.ones(6, 3)}, "convolution"),
        ({"head.0.weight": torch.ones(0, 3, 3, 3)}, "convolution"),
        ({"head.0.weight": torch.ones(6, 3, 5, 5)}, "head.0.weight has the shape [6, 3, 5, 5] where"),
        ({"head.0.weight": torch.ones(6, 4, 3, 3)}, "head.0.weight has 4 colours"),
        ({"tail.0.weight": torch.ones(15, 6, 3, 3)}, "tail.0.weight has the shape [15, 6, 3, 3] where"),
        ({"tail.0.weight": torch.ones(300, 6, 3, 3)}, "scale=10: must be from 1 to 8"),
        ({EXPAND: torch.ones(60_000, 1, 1, 1)}, "expansion=10000 "),
        ({"tail.0.bias": torch.full((12,), float("inf"))}, "tail.0.bias has NaN or infinite"),
        ({"body.7.modules_lfe.extra": torch.ones(1)}, "'body.2.modules_gmsa.gmsa_0.project_inp.0.bias'"),
        ({f"extra.{i}": torch.ones(1) for i in range(9)}, "'extra.0', 'extra.1', 'extra.2' and 6 more unknown"),
        ({"extra\n\x1b[31m": torch.ones(1)}, r"'extra\n\x1b[31m' unknown"),
        ({"tail.0.bias": [1.0] * 12}, "'tail.0.bias'"),
        ({"tail.0.bias": torch.ones(12).to_sparse()}, "'tail.0.bias'"),
        ({"tail.0.bias": torch.ones(1).expand(12)}, "'tail.0.bias'"),
        ({"tail.0.bias": torch.ones(12, device="meta")}, "'tail.0.bias'"),
        ({"head.0.weight": torch.ones(1).expand(10**9 * 3, 3, 3, 3)}, "'head.0.weight'"),
        ({3: torch.ones(1)}, ": 3 "),
    ],
)
def test_a_wrong_checkpoint_is_refused(changes: dict[Any, Any], says: str, tmp_path: Path) -> None:
    state = official_state() | changes
    path = tmp_path / "w.pt"
    torch.save({"model_state_dict": {k: v for k, v in state.items() if v is not None}}, path)
    with pytest.raises(WeightsError) as caught:
        read_weights(path, windows=WINDOWS)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [torch.ones(3), [torch.ones(3)], {}, {"model_state_dict": {}}, 5, None])
def test_a_file_without_a_network_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=r"w\.pt: "):
        read_weights(tmp_path / "w.pt")


def test_the_authors_wrapping_always_has_the_mean_shift(tmp_path: Path) -> None:
    torch.save({"model_state_dict": official_state(mean_shift=False)}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=r"'add_mean\.bias', .* and 1 more missing"):
        read_weights(tmp_path / "w.pt", windows=WINDOWS)


def test_windows_must_fit_the_channels(tmp_path: Path) -> None:
    torch.save(official_state(), tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="channels=6: .* 5 .* 4 windows"):
        read_weights(tmp_path / "w.pt", windows=(2, 4, 8, 16))


def test_a_mean_that_the_file_could_not_tell_is_refused(tmp_path: Path) -> None:
    network = ELAN(dataclasses.replace(TINY, rgb_mean=(0.001, 0.001, 0.001)))
    with pytest.raises(WeightsError, match="elansr"):
        write_foreign(Contents.of(network), tmp_path / "w.pt", "official")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("output", "to", "says"),
    [
        ("w.pth", "elansr", r"w\.pth: .*elansr .*\.safetensors"),
        ("w.safetensors", "official", r"w\.safetensors: .*official .*\.pt or \.pth"),
        ("w.pt", "trainner", r"w\.pt: .*trainner .*\.pth or \.safetensors"),
        ("w.pth", "swinir", "'swinir'.*elansr, official, basicsr, trainner"),
    ],
)
def test_outputs_that_no_program_would_open(output: str, to: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=says):
        convert(tmp_path / "in.pt", tmp_path / output, to)
    with pytest.raises(WeightsError):
        write_foreign(Contents.of(ELAN(TINY)), tmp_path / output, to)


def test_paths_that_are_no_weights(tmp_path: Path) -> None:
    for name in "missing.pt", "missing.safetensors", "missing":
        with pytest.raises(WeightsError, match=name):
            read_weights(tmp_path / name)
    with pytest.raises(WeightsError, match=str(tmp_path)):
        read_weights(tmp_path)
    (tmp_path / "w.bin").write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"w\.bin: .*\.safetensors, \.pth, \.pt"):
        read_weights(tmp_path / "w.bin")
    (tmp_path / "w.onnx").write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"w\.onnx: "):
        read_weights(tmp_path / "w.onnx")


def test_another_network_is_refused(data_dir: Path) -> None:
    path = data_dir / "checkpoints" / "IMDN_x2.pth"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    with pytest.raises(WeightsError, match=r"'head\.0\.weight'.*'IMDB1\.c1\.bias'"):
        load_network(path)
