"""Weights between two networks: the ends exactly, the middle by hand, and unrelated networks refused."""

from pathlib import Path

import numpy as np
import pytest

from elansr.errors import ConfigError, WeightsError
from elansr.weights.contents import Contents, blank_state
from elansr.weights.interpolation import LEAST_COSINE, cosine, interpolate, read_interpolated
from elansr.weights.load import read_weights
from elansr.weights.released import RELEASED, family
from elansr.weights.weights_file import save_contents

PAIRS = [(row.name, family(row.preset)[row.scale].name) for row in RELEASED.values() if row.degradation == "real"]


def unrelated(scale: int = 4) -> Contents:
    """ELAN-light with random weights."""
    config, rng = read_weights("elan-light", scale).config, np.random.default_rng(0)
    state = {
        name: array
        if array.dtype == np.int64
        else np.abs(rng.normal(0, 0.1, array.shape)).astype(np.float32)
        if name.endswith("running_var")
        else rng.normal(0, 0.1, array.shape).astype(np.float32)
        for name, array in blank_state(config).items()
    }
    return Contents("elansr", config, state)


@pytest.mark.parametrize(("real", "clean"), PAIRS)
def test_the_ends_are_the_released_networks(real: str, clean: str) -> None:
    assert read_interpolated(real, strength=0).digest() == read_interpolated(clean).digest()
    assert read_interpolated(real, strength=1).digest() == read_interpolated(real).digest()


@pytest.mark.parametrize(("real", "clean"), PAIRS)
def test_released_pairs_share_their_ancestry(real: str, clean: str) -> None:
    """With room to spare: training on takes them apart slowly."""
    assert cosine(read_interpolated(real), read_interpolated(clean)) > 5 * LEAST_COSINE


def test_in_between_every_array_is_a_weighted_mean() -> None:
    clean, real = read_interpolated("elan-light-x4"), read_interpolated("elan-light-x4-real")
    made = read_interpolated("elan-light-real", 4, 0.25)
    expected = clean.blocks[5].project.weight * 0.75 + real.blocks[5].project.weight * 0.25
    np.testing.assert_allclose(made.blocks[5].project.weight, expected, rtol=1e-12)
    np.testing.assert_allclose(made.tail.bias, clean.tail.bias * 0.75 + real.tail.bias * 0.25, rtol=1e-12)
    np.testing.assert_allclose(made.head.weight, clean.head.weight * 0.75 + real.head.weight * 0.25, rtol=1e-12)
    assert made.blocks[5].shifted == clean.blocks[5].shifted
    assert made.config == clean.config


def test_strengths_have_digests_of_their_own() -> None:
    digests = {read_interpolated("elan-light-x2-real", strength=s).digest() for s in (0, 0.25, 0.5, 0.75, 1)}
    assert len(digests) == 5


def test_a_file_lies_between_the_released_weights_of_its_scale_and_itself(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    save_contents(read_weights("elan-light-x2-real"), path)
    assert read_interpolated(path, strength=0.5).digest() == read_interpolated("elan-light-x2-real", 2, 0.5).digest()
    assert read_interpolated(path, strength=0).digest() == read_interpolated("elan-light-x2").digest()


def test_unrelated_networks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    save_contents(unrelated(), path)
    with pytest.raises(WeightsError, match=r"mine\.safetensors"):
        read_interpolated(path, strength=0.5)
    assert abs(cosine(unrelated().inference_form(), read_interpolated("elan-light-x4"))) < LEAST_COSINE / 5
    with pytest.raises(WeightsError, match="mine"):
        interpolate(read_interpolated("elan-light-x4"), unrelated().inference_form(), 0.5, "mine")


@pytest.mark.parametrize("strength", [-0.1, 1.01, float("nan")])
def test_a_strength_is_from_0_to_1(strength: float) -> None:
    with pytest.raises(ConfigError, match="from 0 to 1"):
        read_interpolated("elan-light-x4-real", strength=strength)


def test_the_weights_for_clean_pictures_have_no_strength() -> None:
    with pytest.raises(WeightsError, match="elan-light-x4"):
        read_interpolated("elan-light-x4", strength=0.5)


def test_a_scale_without_real_weights_has_no_strength() -> None:
    with pytest.raises(WeightsError, match="x3"):
        read_interpolated("elan-light-real", 3, 0.5)


def test_another_network_has_none_either(tmp_path: Path) -> None:
    light = read_weights("elan-light-x4")
    config = type(light.config)(**{**vars(light.config), "blocks": 2})
    state = {name: light.state[name] for name in blank_state(config)}
    save_contents(Contents("elansr", config, state), tmp_path / "small.safetensors")
    with pytest.raises(WeightsError, match=r"small\.safetensors"):
        read_interpolated(tmp_path / "small.safetensors", strength=0.5)
