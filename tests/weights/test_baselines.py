"""Published weights of other networks: their published scores, and one sentence for every file that is wrong."""

from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from elansr.errors import WeightsError
from elansr.evaluation.datasets import BenchmarkSet
from elansr.evaluation.metrics import psnr_y, ssim_y
from elansr.nn.baselines.imdn import IMDN
from elansr.weights.baselines import find_baseline, load_baseline
from tests.weights.by_hand import official_state

PUBLISHED = {2: (38.00, 0.9605), 3: (34.36, 0.9270), 4: (32.21, 0.8948)}
"""IMDN on Set5 as its paper has it: PSNR-Y in dB and SSIM-Y."""


def published_file(data_dir: Path, scale: int) -> Path:
    path = data_dir / "checkpoints" / f"IMDN_x{scale}.pth"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return path


@torch.inference_mode()
def super_resolve(network: IMDN, lr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    x = torch.from_numpy(lr).permute(2, 0, 1).unsqueeze(0) / 255
    return (network(x)[0].permute(1, 2, 0) * 255).round().clamp(0, 255).byte().numpy()


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_published_weights_score_what_was_published(data_dir: Path, scale: int) -> None:
    network = load_baseline(published_file(data_dir, scale))
    assert (network.scale, network.training) == (scale, False)
    pairs = list(BenchmarkSet.of(data_dir / "benchmark" / "Set5", scale).pairs())
    results = [(super_resolve(network, lr), hr) for _, lr, hr in pairs]
    psnr, ssim = PUBLISHED[scale]
    assert fmean(psnr_y(sr, hr, scale) for sr, hr in results) == pytest.approx(psnr, abs=0.005)
    assert fmean(ssim_y(sr, hr, scale) for sr, hr in results) == pytest.approx(ssim, abs=0.0001)


def imdn_state(scale: int = 3) -> dict[str, Tensor]:
    """As the authors' files: a bare state, names with "module." in front."""
    return {f"module.{name}": tensor for name, tensor in IMDN(scale).state_dict().items()}


def test_every_wrapping_gives_the_same_network(tmp_path: Path) -> None:
    state = imdn_state()
    plain = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    torch.save(state, tmp_path / "authors.pth")
    torch.save({"params_ema": plain}, tmp_path / "basicsr.pth")
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    save_file(plain, tmp_path / "plain.safetensors")
    for name in "authors.pth", "basicsr.pth", "old.pth", "plain.safetensors":
        network = load_baseline(tmp_path / name)
        assert (type(network), network.scale, network.training) == (IMDN, 3, False)
        torch.testing.assert_close(network.state_dict(), plain, rtol=0, atol=0)


def test_half_precision_becomes_float32(tmp_path: Path) -> None:
    torch.save({name: tensor.half() for name, tensor in imdn_state().items()}, tmp_path / "w.pth")
    assert {tensor.dtype for tensor in load_baseline(tmp_path / "w.pth").state_dict().values()} == {torch.float32}


def test_loading_leaves_the_random_numbers_as_they_were(tmp_path: Path) -> None:
    torch.save(imdn_state(), tmp_path / "w.pth")
    before = torch.get_rng_state()
    load_baseline(tmp_path / "w.pth")
    assert torch.equal(torch.get_rng_state(), before)


def test_elan_is_no_baseline(tmp_path: Path, file: Path) -> None:
    torch.save({"model_state_dict": official_state()}, tmp_path / "elan.pt")
    for path in file, tmp_path / "elan.pt":
        assert find_baseline(path) is None
        with pytest.raises(WeightsError, match=r"none of the networks to compare with \(IMDN\)"):
            load_baseline(path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"IMDB1.c1.weight": None}, "'IMDB1.c1.weight' missing and nothing unknown for IMDN"),
        ({"upsampler.0.weight": None}, "'upsampler.0.weight' missing for IMDN"),
        ({"c.0.bias": None, "LR_conv.bias": None}, "'LR_conv.bias', 'c.0.bias' missing"),
        ({"IMDB7.c1.weight": torch.ones(1)}, "nothing missing and 'IMDB7.c1.weight' unknown"),
        ({"upsampler.0.weight": torch.ones(())}, "upsampler.0.weight has the shape [], which is no scale"),
        ({"upsampler.0.weight": torch.ones(300, 64, 3, 3)}, "is no scale from 1 to 8"),
        ({"upsampler.0.weight": torch.ones(2, 64, 3, 3)}, "is no scale from 1 to 8"),
        ({"upsampler.0.weight": torch.ones(28, 64, 3, 3)}, "has the shape [28, 64, 3, 3] where this network has [27,"),
        ({"upsampler.0.bias": torch.ones(12)}, "upsampler.0.bias has the shape [12] where this network has [27]"),
        ({"fea_conv.bias": torch.full((64,), float("nan"))}, "fea_conv.bias has NaN"),
        ({"fea_conv.bias": torch.ones(64, dtype=torch.int64)}, "fea_conv.bias is torch.int64"),
        ({"fea_conv.bias": torch.ones(64).to_sparse()}, "is no plain tensor"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(changes: dict[str, Tensor | None], says: str, tmp_path: Path) -> None:
    state = imdn_state() | {f"module.{name}": tensor for name, tensor in changes.items()}
    path = tmp_path / "w.pth"
    torch.save({name: tensor for name, tensor in state.items() if tensor is not None}, path)
    with pytest.raises(WeightsError) as caught:
        find_baseline(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_weights_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.onnx").write_bytes(b"x")
    (tmp_path / "half.pth").write_bytes(b"PK\3\4")
    torch.save([torch.ones(3)], tmp_path / "list.pth")
    for name, says in [
        ("missing.pth", "No such file"),
        ("w.onnx", r"weights files end in \.safetensors"),
        ("half.pth", "not a complete torch file"),
        ("list.pth", "holds a list"),
    ]:
        with pytest.raises(WeightsError, match=says):
            load_baseline(tmp_path / name)


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    torch.save({"module.IMDB1.c1.weight": Path("x")}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="which is no tensor; nothing in it was executed"):
        load_baseline(tmp_path / "w.pth")
