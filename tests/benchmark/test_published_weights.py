"""Published weights of other networks: their published scores, and one sentence for every file that is wrong."""

from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from elansr.benchmark.networks import edsr, swinir
from elansr.benchmark.networks.edsr import EDSR
from elansr.benchmark.networks.imdn import IMDN
from elansr.benchmark.networks.rrdb import RRDBNet
from elansr.benchmark.networks.swinir import SwinIR
from elansr.benchmark.published_weights import Baseline, find_baseline
from elansr.errors import WeightsError
from elansr.evaluation import BenchmarkSet, psnr_y, ssim_y
from elansr.weights.weights_file import save
from tests.weights.by_hand import official_state
from tests.weights.samples import PROVENANCE, random_network

PUBLISHED = {2: (38.00, 0.9605), 3: (34.36, 0.9270), 4: (32.21, 0.8948)}
"""IMDN on Set5 as its paper has it: PSNR-Y in dB and SSIM-Y."""


def loaded(path: Path) -> Baseline:
    network = find_baseline(path)
    assert network is not None
    return network


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
    network = loaded(published_file(data_dir, scale))
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
        network = loaded(tmp_path / name)
        assert (type(network), network.scale, network.training) == (IMDN, 3, False)
        torch.testing.assert_close(network.state_dict(), plain, rtol=0, atol=0)


def test_half_precision_becomes_float32(tmp_path: Path) -> None:
    torch.save({name: tensor.half() for name, tensor in imdn_state().items()}, tmp_path / "w.pth")
    assert {tensor.dtype for tensor in loaded(tmp_path / "w.pth").state_dict().values()} == {torch.float32}


def test_loading_leaves_the_random_numbers_as_they_were(tmp_path: Path) -> None:
    torch.save(imdn_state(), tmp_path / "w.pth")
    before = torch.get_rng_state()
    loaded(tmp_path / "w.pth")
    assert torch.equal(torch.get_rng_state(), before)


def test_elan_is_no_baseline(tmp_path: Path) -> None:
    file = tmp_path / "tiny.safetensors"
    save(random_network(), file, PROVENANCE)
    torch.save({"model_state_dict": official_state()}, tmp_path / "elan.pt")
    for path in file, tmp_path / "elan.pt":
        assert find_baseline(path) is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"IMDB1.c1.weight": None}, "'IMDB1.c1.weight' missing and nothing unknown for IMDN"),
        ({"upsampler.0.weight": None}, "'upsampler.0.weight' missing for IMDN"),
        ({"c.0.bias": None, "LR_conv.bias": None}, "'LR_conv.bias', 'c.0.bias' missing"),
        ({"IMDB7.c1.weight": torch.ones(1)}, "nothing missing and 'IMDB7.c1.weight' unknown"),
        ({"upsampler.0.weight": torch.ones(())}, "upsampler.0.weight has the shape []"),
        ({"upsampler.0.weight": torch.ones(300, 64, 3, 3)}, "from 1 to 8"),
        ({"upsampler.0.weight": torch.ones(2, 64, 3, 3)}, "from 1 to 8"),
        ({"upsampler.0.weight": torch.ones(28, 64, 3, 3)}, "has the shape [28, 64, 3, 3] where this network has [27,"),
        ({"upsampler.0.bias": torch.ones(12)}, "upsampler.0.bias has the shape [12] where this network has [27]"),
        ({"fea_conv.bias": torch.full((64,), float("nan"))}, "fea_conv.bias has NaN"),
        ({"fea_conv.bias": torch.ones(64, dtype=torch.int64)}, "fea_conv.bias is int64"),
        ({"fea_conv.bias": torch.ones(64).to_sparse()}, "fea_conv.bias"),
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
        ("missing.pth", r"missing\.pth: "),
        ("w.onnx", r"w\.onnx: "),
        ("half.pth", r"half\.pth: "),
        ("list.pth", r"list\.pth: .*list"),
    ]:
        with pytest.raises(WeightsError, match=says):
            loaded(tmp_path / name)


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    torch.save({"module.IMDB1.c1.weight": Path("x")}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="nothing in it was executed"):
        loaded(tmp_path / "w.pth")


def swinir_state(scale: int = 2) -> dict[str, Tensor]:
    """As the published code stores SwinIR-light: with position indices and the masks of crops of 64 x 64 pixels."""
    state = dict(SwinIR(scale).state_dict())
    grid = torch.stack(torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij"), dim=-1).flatten(0, 1)
    index = ((grid[:, None] - grid[None, :] + 7) * torch.tensor([15, 1])).sum(-1)
    for layer in range(4):
        for block in range(6):
            name = f"layers.{layer}.residual_group.blocks.{block}"
            state[f"{name}.attn.relative_position_index"] = index.clone()
            if block % 2 == 1:
                state[f"{name}.attn_mask"] = torch.zeros(64, 64, 64)
    return state


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_swinir_is_read_with_and_without_what_it_computes(scale: int, tmp_path: Path) -> None:
    state, plain = swinir_state(scale), SwinIR(scale).state_dict()
    weights = {name: state[name] for name in plain}
    torch.save({"params": state}, tmp_path / "published.pth")
    save_file(weights, tmp_path / "plain.safetensors")
    for name in "published.pth", "plain.safetensors":
        network = loaded(tmp_path / name)
        assert (type(network), network.scale, network.training) == (SwinIR, scale, False)
        torch.testing.assert_close(network.state_dict(), weights, rtol=0, atol=0)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_the_scale_of_classical_swinir_follows_from_its_steps(scale: int, tmp_path: Path) -> None:
    save_file(SwinIR(scale, swinir.PRESETS["swinir"]).state_dict(), tmp_path / "w.safetensors")
    network = loaded(tmp_path / "w.safetensors")
    assert isinstance(network, SwinIR)
    assert (network.scale, network.config) == (scale, swinir.PRESETS["swinir"])


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_edsr_is_read_as_basicsr_writes_it(scale: int, tmp_path: Path) -> None:
    state = EDSR(scale).state_dict()
    torch.save({"params": state}, tmp_path / "w.pth")
    network = loaded(tmp_path / "w.pth")
    assert isinstance(network, EDSR)
    assert (network.scale, network.config) == (scale, edsr.PRESETS["edsr-baseline"])
    torch.testing.assert_close(network.state_dict(), state, rtol=0, atol=0)


def rrdb_state() -> dict[str, Tensor]:
    return dict(RRDBNet(channels=6, blocks=3, growth=4).state_dict())


def test_rrdbnet_is_read_as_its_authors_write_it(tmp_path: Path) -> None:
    state = rrdb_state()
    torch.save({"params_ema": state}, tmp_path / "w.pth")
    network = loaded(tmp_path / "w.pth")
    assert isinstance(network, RRDBNet)
    assert network.scale == 4
    torch.testing.assert_close(network.state_dict(), state, rtol=0, atol=0)


FIRST = "layers.0.residual_group.blocks.0"


@pytest.mark.parametrize(
    ("make", "changes", "says"),
    [
        (swinir_state, {"norm.bias": None}, "'norm.bias' missing and nothing unknown for SwinIR"),
        (swinir_state, {"conv_up1.weight": torch.ones(1)}, "nothing missing and 'conv_up1.weight' unknown for SwinIR"),
        (swinir_state, {f"{FIRST}.attn_mask": torch.ones(1)}, f"'{FIRST}.attn_mask' unknown for SwinIR"),
        (swinir_state, {"layers.9.attn_mask": torch.ones(1)}, "'layers.9.attn_mask' unknown for SwinIR"),
        (swinir_state, {"conv_first.weight": None}, "'conv_first.weight' missing for SwinIR"),
        (swinir_state, {"upsample.0.weight": None}, "'upsample.0.weight' missing for SwinIR"),
        (
            swinir_state,
            {"upsample.0.weight": torch.ones(75, 60, 3, 3)},
            "weights for x5: must be for one of x2, x3",
        ),
        (
            swinir_state,
            {"conv_first.weight": torch.ones(96, 3, 3, 3)},
            "SwinIR of 96 channels: ",
        ),
        (
            swinir_state,
            {f"{FIRST}.attn.relative_position_index": torch.zeros(64, 64, dtype=torch.int64)},
            f"{FIRST}.attn.relative_position_index ",
        ),
        (
            swinir_state,
            {f"{FIRST}.attn.relative_position_index": torch.zeros(49, 49, dtype=torch.int64)},
            "has the shape [49, 49] where this network has [64, 64]",
        ),
        (rrdb_state, {"conv_up2.bias": None}, "'conv_up2.bias' missing"),
        (rrdb_state, {"body.1.rdb1.conv1.weight": None}, "unknown for RRDBNet"),
        (rrdb_state, {"conv_first.weight": torch.ones(())}, "RRDBNet without channels"),
        (lambda: dict(EDSR(4).state_dict()), {"conv_last.bias": None}, "'conv_last.bias' missing"),
        (lambda: dict(EDSR(4).state_dict()), {"upsample.2.weight": None}, "'upsample.2.bias' unknown for EDSR"),
        (lambda: dict(EDSR(4).state_dict()), {"conv_first.weight": torch.ones(())}, "EDSR of 0 channels"),
        (
            lambda: dict(EDSR(4).state_dict()),
            {f"upsample.{i}.weight": torch.ones(256, 64, 3, 3) for i in (4, 6, 8)},
            "x16: must be for one of x2, x3, x4, x8",
        ),
    ],
)
def test_a_wrong_file_of_the_others_is_refused_in_one_line(
    make: Callable[[], dict[str, Tensor]], changes: dict[str, Tensor | None], says: str, tmp_path: Path
) -> None:
    path = tmp_path / "w.pth"
    torch.save({name: tensor for name, tensor in (make() | changes).items() if tensor is not None}, path)
    with pytest.raises(WeightsError) as caught:
        find_baseline(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
