"""Weights by name and file: foreign checkpoints, built by hand, compute what their own forward does; written back."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from elansr.errors import OutputExistsError, WeightsError
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.weights.contents import Contents
from elansr.weights.load import convert, describe, load_network, read_weights
from elansr.weights.provenance import Provenance
from elansr.weights.weights_file import load, save
from tests.weights.by_hand import MEAN, TINY, official_state, theirs

WINDOWS = TINY.windows
Foreign = Literal["official", "basicsr", "trainner"]
WRITTEN: list[tuple[Foreign, str]] = [
    ("official", ".pt"),
    ("official", ".pth"),
    ("basicsr", ".pth"),
    ("trainner", ".pth"),
    ("trainner", ".safetensors"),
]


def prefixed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"module.{name}": tensor for name, tensor in state.items()}


def picture(colors: int = 3) -> Tensor:
    """Float64, (1, colors, 8, 12), in [0, 1]: a multiple of every window, so no padding hides anything."""
    torch.manual_seed(2)
    return torch.rand(1, colors, 8, 12, dtype=torch.float64)


@torch.no_grad()
def ours(contents: Contents, x: Tensor) -> Tensor:
    network = contents.network()
    assert not network.training
    return network.double()(x)


def assert_close(a: Tensor, b: Tensor, tolerance: float = 1e-9) -> None:
    assert a.shape == b.shape
    assert float((a - b).abs().max()) < tolerance * float(b.abs().max())


def same_state(a: ELAN, b: ELAN) -> bool:
    return all(torch.equal(tensor, b.state_dict()[name]) for name, tensor in a.state_dict().items())


@pytest.mark.parametrize(
    ("layout", "wrap"),
    [
        ("official", lambda s: {"model_state_dict": prefixed(s), "epoch": 3, "optimizer_state_dict": {"state": {}}}),
        ("official", lambda s: {"model_state_dict": s}),
        ("official", lambda s: s),
        ("official", prefixed),
        ("basicsr", lambda s: {"params": s}),
        ("basicsr", lambda s: {"params": {k: v + 1 for k, v in s.items()}, "params_ema": s}),
        ("basicsr", lambda s: {"params_ema": prefixed(s)}),
    ],
)
def test_the_authors_network_in_every_wrapping(layout: str, wrap: Any, tmp_path: Path) -> None:
    state, x = official_state(), picture()
    torch.save(wrap(state), tmp_path / "w.pth")
    contents = read_weights(tmp_path / "w.pth", windows=WINDOWS)
    assert contents.layout == layout
    assert contents.config == TINY
    assert_close(ours(contents, x), theirs(state, 255 * x) / 255)


@pytest.mark.parametrize(
    "config",
    [
        ELANConfig(scale=4, channels=10, blocks=3, n_share=0, expansion=3, windows=(2, 4)),
        ELANConfig(scale=3, channels=12, blocks=6, n_share=2, expansion=1, windows=(4, 2, 4)),
        ELANConfig(scale=1, channels=7, blocks=1, n_share=0, windows=(4,), rgb_mean=(100 / 255,)),
    ],
)
def test_the_shapes_tell_the_config(config: ELANConfig, tmp_path: Path) -> None:
    state, x = official_state(config), picture(config.colors)
    torch.save({"model_state_dict": prefixed(state)}, tmp_path / "w.pt")
    contents = read_weights(tmp_path / "w.pt", windows=config.windows)
    assert dataclasses.replace(contents.config, rgb_mean=config.rgb_mean) == config
    assert_close(ours(contents, x), theirs(state, 255 * x, config) / 255)


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
@pytest.mark.parametrize("colors", [1, 3])
def test_trainner_without_mean_shift_works_in_0_to_1(ending: str, colors: int, tmp_path: Path) -> None:
    config = dataclasses.replace(TINY, rgb_mean=(0.0,) * colors)
    state, x = official_state(config, mean_shift=False), picture(colors)
    path = tmp_path / f"w{ending}"
    if ending == ".pth":
        torch.save({"metadata": {"arch": "elan"}, "params_ema": state}, path)
    else:
        save_file(state, path, {"metadata": "{}"})
    contents = read_weights(path, windows=WINDOWS)
    assert contents.layout == "trainner"
    assert contents.config == config
    assert np.array_equal(contents.state["head.weight"], state["head.0.weight"] / 255)
    assert np.array_equal(contents.state["tail.0.weight"], state["tail.0.weight"] * 255)
    assert np.array_equal(contents.state["tail.0.bias"], state["tail.0.bias"] * 255)
    assert np.array_equal(contents.state["head.bias"], state["head.0.bias"])
    assert_close(ours(contents, x), theirs(state, x, config), 1e-5)


def test_a_mean_shift_for_0_to_1_is_recognised(tmp_path: Path) -> None:
    state, x = official_state(), picture()
    state |= {"sub_mean.bias": -MEAN, "add_mean.bias": MEAN}
    save_file(state, tmp_path / "w.safetensors")
    contents = read_weights(tmp_path / "w.safetensors", windows=WINDOWS)
    assert (contents.layout, contents.config.rgb_range) == ("trainner", 1.0)
    assert contents.config.rgb_mean == (0.4488, 0.4371, 0.4040)
    assert_close(ours(contents, x), theirs(state, x))


def test_half_precision_is_read_as_float32(tmp_path: Path) -> None:
    state = {k: v.half() if v.is_floating_point() else v for k, v in official_state().items()}
    torch.save({"params": state}, tmp_path / "w.pth")
    contents = read_weights(tmp_path / "w.pth", windows=WINDOWS)
    assert contents.config.rgb_mean == pytest.approx(TINY.rgb_mean, abs=0.0625 / 255)  # float16 has steps of 1/16 there
    assert {str(array.dtype) for array in contents.state.values()} == {"float32", "int64"}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_mean_shift_in_every_precision(dtype: torch.dtype, tmp_path: Path) -> None:
    """What traiNNer gets, of which a rounded copy is made: add_mean undoes sub_mean but for the rounding."""
    save(ELAN(TINY), tmp_path / "a.safetensors", Provenance())
    written = load_file(convert(tmp_path / "a.safetensors", tmp_path / "b.safetensors", "trainner"))
    save_file({k: v.to(dtype) if v.is_floating_point() else v for k, v in written.items()}, tmp_path / "c.safetensors")
    config = read_weights(tmp_path / "c.safetensors", windows=WINDOWS).config
    assert config.rgb_range == 255
    assert config.rgb_mean == pytest.approx(TINY.rgb_mean, rel=2**-8)


@pytest.mark.parametrize(("layout", "ending"), WRITTEN)
@pytest.mark.parametrize(
    "config",
    [
        TINY,
        dataclasses.replace(TINY, rgb_mean=(0.0, 0.0, 0.0)),
        dataclasses.replace(TINY, rgb_mean=(0.5,)),
        dataclasses.replace(TINY, rgb_mean=(1 / 3, 0.9999, 1e-3), rgb_range=100.0),
        dataclasses.replace(TINY, rgb_range=1.0),
        ELANConfig(scale=3, channels=10, blocks=3, n_share=0, expansion=1, windows=(3, 5)),
    ],
)
def test_there_and_back_is_the_same_network(config: ELANConfig, layout: Foreign, ending: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = ELAN(config)
    network(torch.rand(2, config.colors, 15, 15))  # BatchNorm's statistics and counters move
    save(network, tmp_path / "a.safetensors", Provenance())
    there = convert(tmp_path / "a.safetensors", tmp_path / f"b{ending}", layout)
    assert describe(there, windows=config.windows).layout == layout
    back, _ = load(convert(there, tmp_path / "c.safetensors", windows=config.windows))
    assert same_state(network, back)
    assert torch.equal(back.mean, network.mean)
    assert back.config.windows == config.windows
    assert back.config.rgb_mean == pytest.approx(config.rgb_mean, abs=1e-7)
    assert back.config.rgb_range == config.rgb_range


def test_official_is_what_the_authors_code_loads(tmp_path: Path) -> None:
    state = official_state()
    torch.save({"params": state}, tmp_path / "a.pth")
    convert(tmp_path / "a.pth", tmp_path / "b.pt", "official", WINDOWS)
    (wrapper, written), *others = torch.load(tmp_path / "b.pt", weights_only=True).items()
    assert (wrapper, others) == ("model_state_dict", [])
    assert written.keys() == prefixed(state).keys()
    assert all(torch.equal(written[f"module.{name}"], tensor) for name, tensor in state.items())


def test_basicsr_is_the_same_network_in_its_wrapping(tmp_path: Path) -> None:
    state = official_state()
    torch.save(state, tmp_path / "a.pth")
    convert(tmp_path / "a.pth", tmp_path / "b.pth", "basicsr", WINDOWS)
    written = torch.load(tmp_path / "b.pth", weights_only=True)
    assert list(written) == ["params_ema"]
    assert written["params_ema"].keys() == state.keys()
    assert all(torch.equal(written["params_ema"][name], tensor) for name, tensor in state.items())


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_trainner_gets_its_form_with_mean_shift_for_pictures_in_0_to_1(ending: str, tmp_path: Path) -> None:
    state, x = official_state(), picture()
    torch.save(state, tmp_path / "a.pth")
    convert(tmp_path / "a.pth", tmp_path / f"b{ending}", "trainner", WINDOWS)
    if ending == ".pth":
        written = torch.load(tmp_path / "b.pth", weights_only=True)["params_ema"]
    else:
        written = load_file(tmp_path / "b.safetensors")
    assert written.keys() == state.keys()
    assert torch.equal(written["head.0.weight"], state["head.0.weight"])
    assert_close(theirs(written, x), theirs(state, 255 * x) / 255, 1e-6)


def test_convert_keeps_an_existing_file_and_looks_before_it_reads(tmp_path: Path) -> None:
    (tmp_path / "out.safetensors").write_text("precious")
    with pytest.raises(OutputExistsError):
        convert(tmp_path / "missing.pt", tmp_path / "out.safetensors")
    torch.save(official_state(), tmp_path / "w.pt")
    convert(tmp_path / "w.pt", tmp_path / "out.safetensors", windows=WINDOWS, overwrite=True)
    assert load(tmp_path / "out.safetensors")[0].config == TINY
    convert(tmp_path / "w.pt", tmp_path / "w.pt", "official", WINDOWS, overwrite=True)
    assert read_weights(tmp_path / "w.pt", windows=WINDOWS).config == TINY


def test_a_converted_file_says_where_it_comes_from(tmp_path: Path) -> None:
    torch.save(official_state(), tmp_path / "theirs.pt")
    convert(tmp_path / "theirs.pt", tmp_path / "ours.safetensors", windows=WINDOWS)
    digest = hashlib.sha256((tmp_path / "theirs.pt").read_bytes()).hexdigest()
    provenance = load(tmp_path / "ours.safetensors")[1]
    assert provenance.name == "theirs"
    assert provenance.started_from == f"theirs.pt, layout official, sha256 {digest}"
    convert(tmp_path / "ours.safetensors", tmp_path / "copy.safetensors")
    assert load(tmp_path / "copy.safetensors")[1] == provenance


def test_describe_ours_and_theirs(tmp_path: Path) -> None:
    torch.save(official_state(), tmp_path / "w.pt")
    theirs_is = describe(tmp_path / "w.pt", windows=WINDOWS)
    assert (theirs_is.layout, theirs_is.config, theirs_is.provenance.created) == ("official", TINY, "")
    data = convert(tmp_path / "w.pt", tmp_path / "w.safetensors", windows=WINDOWS).read_bytes()
    ours_is = describe(str(tmp_path / "w.safetensors"))
    assert ours_is.path == tmp_path / "w.safetensors"
    assert (ours_is.layout, ours_is.size, ours_is.config) == ("elansr", len(data), TINY)
    assert ours_is.sha256 == hashlib.sha256(data).hexdigest()
    # head and tail; per block 6 -> 12 -> 6 and 6 -> 6; 6 -> 12 or 6 -> 6 with BatchNorm's two numbers a channel
    block = (6 * 12 + 12) + (12 * 6 + 6) + (6 * 6 + 6)
    expected = (3 * 9 + 1) * 6 + (6 * 9 + 1) * 12 + 4 * block + 2 * (6 * 12 + 36) + 2 * (6 * 6 + 18)
    assert ours_is.parameters == theirs_is.parameters == expected


def test_weights_of_another_scale_are_refused(tmp_path: Path) -> None:
    save(ELAN(TINY), tmp_path / "w.safetensors", Provenance())
    assert load_network(tmp_path / "w.safetensors", scale=2).config == TINY
    with pytest.raises(WeightsError, match="x2.*x4"):
        load_network(tmp_path / "w.safetensors", scale=4)


def test_the_real_checkpoint(data_dir: Path, tmp_path: Path) -> None:
    path = data_dir / "checkpoints" / "elan_light_x2_start.pt"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    found = describe(path)
    assert (found.layout, found.parameters) == ("official", 582_012)
    assert found.config == ELANConfig(scale=2, channels=60, blocks=24, n_share=1)
    original = torch.load(path, weights_only=True)["model_state_dict"]
    written = torch.load(convert(path, tmp_path / "w.pt", "official"), weights_only=True)["model_state_dict"]
    assert written.keys() == original.keys()
    assert all(torch.equal(written[name], tensor) for name, tensor in original.items())
    x = torch.rand(1, 3, 16, 16, dtype=torch.float64)
    state = {name.removeprefix("module."): tensor for name, tensor in original.items()}
    assert_close(ours(read_weights(path), x), theirs(state, 255 * x, found.config) / 255)
