"""Models under evaluation: SR in float, equal to what the upscaler makes of it once it is rounded."""

from pathlib import Path

import numpy as np
import pytest
import torch

from elansr.benchmark.networks.imdn import IMDN
from elansr.errors import ConfigError, DeviceError, ElansrError, WeightsError
from elansr.evaluation.models import Model, load_model
from elansr.evaluation.scoring import evaluate
from elansr.export import Target, export
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.upscaling.upscaler import Upscaler
from elansr.weights.contents import Contents
from elansr.weights.foreign import write_foreign
from elansr.weights.provenance import Provenance
from elansr.weights.released import RELEASED
from elansr.weights.weights_file import save

LR = np.random.default_rng(0).integers(0, 256, (19, 30, 3), np.uint8)


@pytest.fixture(scope="module")
def network() -> ELAN:
    torch.manual_seed(0)
    return ELAN(ELANConfig(scale=3, channels=6, blocks=2, n_share=1)).eval()


def load(model: object, scale: int | None = None, precision: str = "fp32") -> Model:
    return load_model(str(model), scale, "cpu", precision)


@pytest.mark.parametrize("layout", ["elansr", "official", "trainner"])
def test_a_file_gives_what_the_upscaler_gives_before_it_is_rounded(tmp_path: Path, network: ELAN, layout: str) -> None:
    path = tmp_path / ("w.safetensors" if layout == "elansr" else "w.pth")
    if layout == "elansr":
        save(network, path, Provenance(name="w"))
    else:
        write_foreign(Contents.of(network), path, layout)  # type: ignore[arg-type]
    model = load(path)
    sr = model.super_resolve(LR)
    assert (model.name, model.scale, model.network) == (str(path), 3, "")
    assert (sr.dtype, sr.shape) == (np.float32, (57, 90, 3))
    assert sr.min() >= 0
    assert sr.max() <= 255
    assert (sr != np.round(sr)).any()
    if layout == "elansr":
        upscaled = Upscaler(network, device="cpu", precision="fp32", border="cyclic", tile=64)(LR)
        np.testing.assert_array_equal(np.round(sr), upscaled)


@pytest.mark.parametrize(("name", "to"), [("w.onnx", "onnx"), ("w.xml", "openvino")])
def test_an_exported_file_is_the_network_in_its_run_time(tmp_path: Path, network: ELAN, name: str, to: Target) -> None:
    pytest.importorskip("onnx", reason="needs the extra export")
    pytest.importorskip(f"{to}runtime" if to == "onnx" else to, reason="needs the extra export")
    save(network, tmp_path / "w.safetensors", Provenance(name="w"))
    export(str(tmp_path / "w.safetensors"), tmp_path / name, to, closed=False)
    model = load(tmp_path / name)
    assert (model.name, model.scale) == (str(tmp_path / name), 3)
    expected = load(tmp_path / "w.safetensors").super_resolve(LR)
    np.testing.assert_allclose(model.super_resolve(LR), expected, atol=5e-3)
    with pytest.raises(WeightsError, match="x3, not x2"):
        load(tmp_path / name, 2)
    with pytest.raises(ConfigError, match="fp32, not bf16"):
        load(tmp_path / name, precision="bf16")


def test_a_picture_is_run_whole(tmp_path: Path, network: ELAN) -> None:
    """A tile would be cut at most after 768 pixels; the network alone is the reference."""
    save(network, tmp_path / "w.safetensors", Provenance(name="w"))
    lr = np.random.default_rng(1).integers(0, 256, (17, 804, 3), np.uint8)
    with torch.no_grad():
        expected = network(torch.from_numpy(lr).permute(2, 0, 1)[None].float() / 255)[0].clamp(0, 1) * 255
    sr = load(tmp_path / "w.safetensors").super_resolve(lr)
    np.testing.assert_allclose(sr, expected.permute(1, 2, 0).numpy(), atol=2e-3)


def test_released_names_and_bicubic_have_a_scale_and_a_name_in_the_literature() -> None:
    assert [(m.scale, m.network) for m in (load("elan-light"), load("elan-light", 2), load("elan-light-x3"))] == [
        (4, "ELAN-light"),
        (2, "ELAN-light"),
        (3, "ELAN-light"),
    ]
    assert [load(name).network for name in RELEASED if name.endswith("-real")] == ["", ""]  # of no use to compare
    model = load("bicubic", 2)
    sr = model.super_resolve(LR)
    assert (load("bicubic").scale, model.network) == (4, "bicubic")
    assert (sr.dtype, sr.shape) == (np.uint8, (38, 60, 3))  # MATLAB's of 8 bits are 8 bits


def test_a_network_of_other_projects_is_one_of_the_models(tmp_path: Path) -> None:
    torch.manual_seed(0)
    imdn = IMDN(2).eval()
    torch.save({f"module.{name}": tensor for name, tensor in imdn.state_dict().items()}, tmp_path / "IMDN_x2.pth")
    model = load(tmp_path / "IMDN_x2.pth")
    with torch.no_grad():
        expected = imdn(torch.from_numpy(LR).permute(2, 0, 1)[None].float() / 255)[0].clamp(0, 1) * 255
    assert (model.scale, model.network) == (2, "IMDN")
    np.testing.assert_allclose(model.super_resolve(LR), expected.permute(1, 2, 0).numpy(), atol=1e-3)
    with pytest.raises(WeightsError, match="IMDN_x2.pth: .*x2, not x4"):
        load(tmp_path / "IMDN_x2.pth", 4)


@pytest.mark.parametrize(
    ("arguments", "kind", "reason"),
    [
        (("elan-light", 7, "cpu", "fp32"), WeightsError, "x7"),
        (("elan-light-x2", 4, "cpu", "fp32"), WeightsError, "x2, not x4"),
        (("elan-lite", 4, "cpu", "fp32"), WeightsError, "'elan-lite'.*elan-light"),
        (("gone.pth", 4, "cpu", "fp32"), WeightsError, "gone.pth: "),
        (("bicubic", 0, "cpu", "fp32"), ConfigError, "x0: .*x1 to x8"),
        (("elan-light", 4, "tpu", "fp32"), DeviceError, "'tpu'"),
        (("elan-light", 4, "cpu", "fp8"), DeviceError, "'fp8'"),
    ],
)
def test_what_cannot_be_loaded_is_refused_in_a_line(
    arguments: tuple[str, int, str, str], kind: type[ElansrError], reason: str
) -> None:
    with pytest.raises(kind, match=reason):
        load_model(*arguments)


def test_a_picture_that_is_too_much_is_refused_in_a_line(tmp_path: Path, network: ELAN) -> None:
    save(network, tmp_path / "w.safetensors", Provenance(name="w"))
    too_large = np.broadcast_to(np.zeros((), np.uint8), (2**22, 2**22, 3))
    with pytest.raises(DeviceError, match="4194304x4194304"):
        load(tmp_path / "w.safetensors").super_resolve(too_large)


def test_imdn_scores_what_was_published(data_dir: Path) -> None:
    model = load(data_dir / "checkpoints" / "IMDN_x4.pth")
    (scores,) = evaluate(model, data_dir / "benchmark" / "Set5").scores
    assert scores.psnr == pytest.approx(32.21, abs=0.005)
    assert scores.ssim == pytest.approx(0.8948, abs=0.0001)
