"""The native engine against plain loops and against itself on other levels; and which engine is opened."""

import numpy as np
import pytest
import torch

from elansr.engines import open_engine
from elansr.engines.cpu import bindings
from elansr.engines.cpu import native_engine as native
from elansr.engines.cpu.bindings import Level
from elansr.engines.cpu.native_calls import Run
from elansr.engines.cpu.native_engine import NativeEngine, runs_natively
from elansr.errors import DeviceError
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.weights.inference import InferenceForm, fold
from elansr.weights.load import read_weights
from elansr.weights.released import RELEASED
from tests.nn.networks import config_of, random_picture, randomised
from tests.oracles.elan_closed_naive import elan_closed_naive
from tests.oracles.elan_naive import elan_naive

if not bindings.available():
    pytest.skip(f"no native library: {bindings.reason()}", allow_module_level=True)

LIGHT = ELANConfig(scale=2, channels=60, blocks=4, n_share=1)
MOST = {"fp32": 1e-5, "bf16": 0.08}
"""Root of the mean square error in units of the result's deviation; weights of `randomised` are large."""


def form_of(model: ELAN) -> InferenceForm:
    return fold(model.config, {name: value.numpy() for name, value in model.state_dict().items()})


def error(actual: np.ndarray, expected: np.ndarray) -> float:
    return float(np.sqrt(np.square(actual - expected).mean()) / expected.std())


@pytest.mark.parametrize("closed", [False, True], ids=["cyclic", "closed"])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 9), (17, 33)], ids=str)
def test_it_is_the_plain_loops(run: Run, closed: bool, size: tuple[int, int]) -> None:
    model = randomised(LIGHT)
    engine = NativeEngine(form_of(model), run.precision, closed)
    x = random_picture(LIGHT, *size).numpy()
    loops = elan_closed_naive if closed else elan_naive
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    result = engine(x.astype(np.float32))
    assert (result.dtype, result.shape) == (np.float32, (1, 3, 2 * size[0], 2 * size[1]))
    assert error(result[0], loops(x[0], state, LIGHT)) < MOST[run.precision]


@pytest.mark.parametrize(
    "changes",
    [{"channels": 9}, {"expansion": 3}, {"windows": (3, 5)}, {"windows": (6,), "channels": 5}, {"n_share": 2}],
    ids=str,
)
def test_other_networks(level: Level, changes: dict[str, object]) -> None:
    model = randomised(config_of(**({"elabs": 3, "n_share": 0} | changes)))
    x = random_picture(model.config, 7, 10).numpy()
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    result = NativeEngine(form_of(model), "fp32", True)(x.astype(np.float32))
    assert error(result[0], elan_closed_naive(x[0], state, model.config)) < MOST["fp32"]


@pytest.mark.parametrize("closed", [False, True], ids=["cyclic", "closed"])
def test_pictures_side_by_side_are_computed_one_by_one(run: Run, closed: bool) -> None:
    """All pictures of a tile are more than one, and summed up in the same order."""
    engine = NativeEngine(form_of(randomised(LIGHT)), run.precision, closed)
    tiles = np.random.default_rng(0).random((3, 6, 9, 20), np.float32)
    together = engine(tiles.reshape(1, 18, 9, 20))
    assert together.shape == (1, 18, 18, 40)
    for i, tile in enumerate(tiles):
        assert np.array_equal(engine(tile[None])[0], together[0, 6 * i : 6 * i + 6])


def test_a_network_of_one_colour_is_given_the_colours_one_by_one() -> None:
    model = randomised(config_of(elabs=2, n_share=1, rgb_mean=(0.4,)))
    engine = NativeEngine(form_of(model), "fp32", True)
    tile = np.random.default_rng(0).random((1, 3, 9, 20), np.float32)
    result = engine(tile)
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    for color in range(3):
        expected = elan_closed_naive(tile[0, color : color + 1].astype(float), state, model.config)
        assert error(result[0, color : color + 1], expected) < MOST["fp32"]


def test_the_tile_stays_as_it_is() -> None:
    engine = NativeEngine(read_weights("elan-light-x2").inference_form(), "fp32", True)
    tile = np.random.default_rng(0).random((1, 3, 9, 20), np.float32)
    kept, turned = tile.copy(), np.asfortranarray(tile)
    assert np.array_equal(engine(tile), engine(turned))
    assert np.array_equal(tile, kept)


@pytest.mark.parametrize("name", RELEASED)
@pytest.mark.parametrize("size", [(17, 23), (88, 90)], ids=str)
@torch.no_grad()
def test_released_weights_give_what_pytorch_gives(name: str, size: tuple[int, int]) -> None:
    """In fp32, on levels with the instructions that PyTorch uses; sums of the body run in other orders."""
    tile = np.random.default_rng(0).random((1, 3, *size), np.float32)
    by_torch = open_engine(name, device="cpu", precision="fp32", engine="torch")(tile)
    result = open_engine(name, device="cpu", precision="fp32")(tile)
    assert np.abs(result - by_torch).max() < 2e-3


def test_the_digest_is_that_of_the_weights() -> None:
    engines = [open_engine(name, device="cpu") for name in ("elan-light-x2", "elan-light-x2", "elan-light-x2-real")]
    digests = [engine.digest() for engine in engines]
    assert digests[0] == digests[1] != digests[2]


def test_the_native_engine_is_opened_where_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(open_engine("elan-light-x4", device="cpu", precision="fp32"), NativeEngine)
    assert isinstance(open_engine(randomised(LIGHT), device="cpu", precision="fp32"), NativeEngine)
    for options in ({"engine": "torch"}, {"precision": "fp16"}):
        engine = open_engine("elan-light-x4", device="cpu", **options)  # type: ignore[arg-type]
        assert not isinstance(engine, NativeEngine)
        assert engine.device == "cpu"
    monkeypatch.setattr(bindings, "_chosen", lambda: "_native.so was not built")
    assert not isinstance(open_engine("elan-light-x4", device="cpu"), NativeEngine)


def test_without_the_library_and_without_pytorch_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bindings, "_chosen", lambda: "_native.so was not built")
    monkeypatch.setattr("elansr.engines.device.find_spec", lambda name: None)
    for device in ("cpu", "cuda"):
        with pytest.raises(DeviceError) as caught:
            open_engine("elan-light-x4", device=device)
        assert ".[torch]" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_bfloat16_needs_whole_words(level: Level) -> None:
    odd = ELANConfig(scale=2, channels=15, blocks=2, n_share=1)
    assert runs_natively(odd, "fp32")
    assert not runs_natively(odd, "bf16")
    assert not runs_natively(LIGHT, "fp16")
    assert native.runs_natively(LIGHT, "bf16") == (level == "avx512bf16")
    with pytest.raises(DeviceError):
        NativeEngine(form_of(randomised(odd)), "bf16", True)
