"""spandrel opens ELAN's files of every layout, computes what we compute, and stays as it was for everything else."""

import importlib
import re
import site
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import elansr
from elansr.benchmark.networks.imdn import IMDN
from elansr.errors import MissingExtraError, WeightsError
from elansr.images import read
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.upscaling.upscaler import Upscaler
from elansr.weights.load import convert
from elansr.weights.released import RELEASED, resolve
from tests.nn.networks import randomised

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "spandrel.md"
MODULE = "elansr.engines.spandrel"
NAME = "elan-light-x2"
LAYOUTS = [("official", ".pt"), ("official", ".pth"), ("basicsr", ".pth"), ("trainner", ".pth")]
LAYOUTS += [("trainner", ".safetensors"), ("elansr", ".safetensors")]
# spandrel first tries whether a .pt file is TorchScript.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.load` is deprecated:DeprecationWarning")

Open = Callable[[Path], Any]


@pytest.fixture
def opened(spandrel: ModuleType, registry: Any) -> Open:
    return lambda path: spandrel.ModelLoader(registry=registry).load_from_file(path)


@pytest.fixture(scope="module")
def photo() -> Tensor:
    """A piece of a photo, of no multiple of 16: float32 (1, 3, 40, 52) in [0, 1]."""
    pixels = read(ROOT / "examples" / "otter.jpg").pixels[80:120, 60:112]
    return torch.from_numpy(pixels / np.float32(255)).permute(2, 0, 1).unsqueeze(0)


def upscaled(name: str, photo: Tensor) -> Tensor:
    """What `elansr.load(name)` makes of the photo."""
    large = elansr.load(name, device="cpu", precision="fp32")(photo[0].permute(1, 2, 0).numpy())
    return torch.from_numpy(large).permute(2, 0, 1).unsqueeze(0)


@pytest.fixture(scope="module")
def ours(photo: Tensor) -> Tensor:
    return upscaled(NAME, photo)


def psnr(a: Tensor, b: Tensor) -> float:
    return float(-10 * torch.log10((a.double() - b.double()).square().mean()))


@pytest.mark.parametrize(("layout", "suffix"), LAYOUTS)
def test_a_file_of_any_layout_gives_our_numbers(
    opened: Open, photo: Tensor, ours: Tensor, tmp_path: Path, layout: Any, suffix: str
) -> None:
    model = opened(convert(NAME, tmp_path / f"theirs{suffix}", to=layout))
    assert torch.equal(model(photo), ours)


@pytest.mark.parametrize("name", RELEASED)
def test_every_released_file_gives_our_numbers(opened: Open, photo: Tensor, name: str) -> None:
    assert torch.equal(opened(resolve(name))(photo), upscaled(name, photo))


@pytest.mark.parametrize("name", RELEASED)
def test_every_released_file_says_what_it_is(opened: Open, name: str) -> None:
    model = opened(resolve(name))
    assert (model.architecture.id, model.architecture.name, model.purpose) == ("elansr", "ELAN", "SR")
    assert (model.scale, model.input_channels, model.output_channels) == (RELEASED[name].scale, 3, 3)
    assert model.tags == ["elan-light", "60ch", "24blocks"]
    assert (model.supports_half, model.supports_bfloat16, model.size_requirements.none) == (True, True, True)
    assert not model.model.training


@pytest.mark.parametrize(("dtype", "least"), [(torch.float16, 60), (torch.bfloat16, 40)])
def test_half_precision_is_safe(opened: Open, photo: Tensor, ours: Tensor, dtype: torch.dtype, least: float) -> None:
    """bfloat16 has 8 bits, for what goes in and out too."""
    model = opened(resolve(NAME)).to(dtype)
    assert model.dtype == dtype
    large = model(photo.to(dtype))
    assert large.dtype == dtype
    assert psnr(large, ours) > least


def test_only_what_we_hand_out_is_safe_in_half_precision(opened: Open) -> None:
    """Of noise, where features are large, our `ELAN` itself, halved, makes a picture that is plainly wrong."""
    noise, network = torch.rand(1, 3, 24, 32), elansr.load_network(NAME)
    right = opened(resolve(NAME))(noise)
    ours = opened(resolve(NAME)).half()(noise.half())
    with torch.no_grad():
        bare = network.half()(noise.half()).clamp(0, 1)
    assert psnr(ours, right) > 50
    assert not psnr(bare, right) > 45


@pytest.mark.parametrize("size", [(1, 1), (3, 17), (16, 16)])
def test_any_size(opened: Open, size: tuple[int, int]) -> None:
    assert opened(resolve(NAME))(torch.rand(1, 3, *size)).shape == (1, 3, 2 * size[0], 2 * size[1])


def test_a_default_file_of_trainner(spandrel: ModuleType, registry: Any) -> None:
    """Without mean keys, for pictures in 0..1: the network of mean 0 and range 1 under their names."""
    network = randomised(ELANConfig(2, 12, 2, 0, rgb_mean=(0, 0, 0), rgb_range=1)).float()
    state = _theirs(network)
    picture = torch.rand(1, 3, 20, 33)
    large = Upscaler(network, device="cpu", precision="fp32")(picture[0].permute(1, 2, 0).numpy())
    found = spandrel.ModelLoader(registry=registry).load_from_state_dict(state)(picture)
    np.testing.assert_allclose(found[0].permute(1, 2, 0).numpy(), large, atol=2e-4)


def _theirs(network: ELAN) -> dict[str, Tensor]:
    from elansr.weights.contents import Contents
    from elansr.weights.foreign_keys import to_theirs

    state = to_theirs(network.config, Contents.of(network).state, white=1)
    return {name: torch.from_numpy(array) for name, array in state.items() if "_mean." not in name}


def test_a_second_time_does_nothing(spandrel: ModuleType) -> None:
    from elansr.engines.spandrel import install

    before = len(spandrel.MAIN_REGISTRY)
    install()
    taught = len(spandrel.MAIN_REGISTRY)
    install()
    assert "elansr" in spandrel.MAIN_REGISTRY
    assert len(spandrel.MAIN_REGISTRY) == taught <= before + 1


@pytest.mark.parametrize(("layout", "suffix"), [("elansr", ".safetensors"), ("official", ".pth")])
def test_no_other_architecture_takes_our_files(
    spandrel: ModuleType, untaught: Any, tmp_path: Path, layout: Any, suffix: str
) -> None:
    state = spandrel.ModelLoader().load_state_dict_from_file(convert(NAME, tmp_path / f"file{suffix}", to=layout))
    assert [support.architecture.id for support in untaught if support.detect(state)] == []
    with pytest.raises(spandrel.UnsupportedModelError):
        untaught.load(state)


def test_other_networks_are_left_to_others(spandrel: ModuleType, registry: Any) -> None:
    with pytest.raises(spandrel.UnsupportedModelError):
        registry.load(IMDN(2).state_dict())


def test_an_incomplete_file_is_one_line(spandrel: ModuleType, registry: Any) -> None:
    state = elansr.load_network(NAME).state_dict()
    del state["body.3.shared.0.merge.bias"]
    with pytest.raises(WeightsError, match=r"'body\.3\.shared\.0\.merge\.bias' missing"):
        registry.load(state)


def test_without_spandrel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install '.\[spandrel\]'"):
        importlib.import_module(MODULE)


def test_with_a_torchvision_of_another_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing such a torchvision, and so spandrel, ends in a RuntimeError."""
    (tmp_path / "spandrel.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    for name in [name for name in sys.modules if name.split(".")[0] == "spandrel" or name == MODULE]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingExtraError, match="nms does not exist") as caught:
        importlib.import_module(MODULE)
    assert "pip install '.[spandrel]'" not in str(caught.value)  # what brought it


@pytest.mark.usefixtures("spandrel")
def test_the_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands, in a folder to which the page's command has copied the weights."""
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    (copying,) = re.findall(r'^python -c "(.*)"$', text, re.MULTILINE)
    exec(copying, {})
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, str(PAGE), "exec"), names)
    assert names["sr"].shape == (1, 3, 192, 256)
    assert names["model"].scale == 4


@pytest.mark.usefixtures("spandrel")
def test_the_line_for_site_packages_calls_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = re.findall(r"^```text\n(.*)\n```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    (tmp_path / "elansr_spandrel.pth").write_text(line)
    import elansr.engines.spandrel as integration

    calls = []
    monkeypatch.setattr(integration, "install", lambda: calls.append("installed"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    site.addsitedir(str(tmp_path))
    assert calls == ["installed"]
