"""Our file format: byte layout read by hand, exact round trips, and nothing half written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from elansr.errors import OutputExistsError, WeightsError
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.weights.contents import blank_state
from elansr.weights.load import load_network
from elansr.weights.weights_file import load, save
from tests.weights.by_hand import TINY
from tests.weights.samples import PROVENANCE, header_of, random_network

CONFIGS = [
    TINY,
    ELANConfig(scale=1, channels=10, blocks=1, n_share=0, expansion=3, windows=(3, 5), rgb_mean=(0.5,), rgb_range=1.0),
    ELANConfig(scale=8, channels=5, blocks=6, n_share=2, expansion=1, windows=(4,), rgb_mean=(0.0, 0.1, 1 / 3)),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_load_gives_back_what_was_saved(config: ELANConfig, tmp_path: Path) -> None:
    network, path = random_network(config), tmp_path / "w.safetensors"
    save(network, path, PROVENANCE)
    loaded, provenance = load(path)
    assert loaded.config == config
    assert provenance == PROVENANCE
    assert not loaded.training
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in network.state_dict().items())
    assert torch.equal(loaded.mean, network.mean)
    assert load_network(path, scale=config.scale).config == config


@pytest.mark.parametrize("config", CONFIGS)
def test_blank_entries_are_those_of_the_network(config: ELANConfig) -> None:
    found = [(name, array.shape, f"torch.{array.dtype}") for name, array in blank_state(config).items()]
    expected = ELAN(config).state_dict().items()
    assert found == [(name, tuple(tensor.shape), str(tensor.dtype)) for name, tensor in expected]


def test_the_file_is_safetensors_in_float32_with_its_story(file: Path) -> None:
    header = header_of(file.read_bytes())
    metadata = header.pop("__metadata__")
    assert set(metadata) == {"format", "format_version", "config", "provenance"}
    assert (metadata["format"], metadata["format_version"]) == ("elansr", "1")
    assert json.loads(metadata["config"]) == {
        "scale": 2,
        "channels": 6,
        "blocks": 4,
        "n_share": 1,
        "expansion": 2,
        "windows": [2, 4, 4],
        "rgb_mean": [0.4488, 0.4371, 0.4040],
        "rgb_range": 255.0,
    }
    assert json.loads(metadata["provenance"])["metrics"]["Set5 x2"] == {"PSNR-Y": 37, "protocol": "Y, border 2"}
    assert header["head.weight"]["shape"] == [6, 3, 3, 3]
    kinds = {name.rpartition(".")[2]: entry["dtype"] for name, entry in header.items()}
    assert kinds.pop("num_batches_tracked") == "I64"
    assert set(kinds.values()) == {"F32"}


def test_the_same_network_gives_the_same_bytes(file: Path) -> None:
    save(random_network(), file.with_name("again.safetensors"), PROVENANCE)
    assert file.with_name("again.safetensors").read_bytes() == file.read_bytes()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(dtype: torch.dtype, file: Path, tmp_path: Path) -> None:
    metadata = header_of(file.read_bytes())["__metadata__"]
    tensors = {n: t.to(dtype) if t.is_floating_point() else t for n, t in load_file(file).items()}
    save_file(tensors, tmp_path / "other.safetensors", metadata)
    network, _ = load(tmp_path / "other.safetensors")
    assert network.head.weight.dtype == torch.float32
    assert torch.equal(network.head.weight, tensors["head.weight"].float())
    save(network.to(dtype), tmp_path / "back.safetensors", PROVENANCE)
    assert load_file(tmp_path / "back.safetensors")["tail.0.bias"].dtype == torch.float32


def test_loading_leaves_the_random_numbers_alone(file: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load(file)
    assert torch.equal(torch.rand(3), expected)


def test_an_existing_file_stays_unless_overwriting_is_asked_for(file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(OutputExistsError):
        save(random_network(CONFIGS[1]), file, PROVENANCE)
    assert file.read_bytes() == before
    save(random_network(CONFIGS[1]), file, PROVENANCE, overwrite=True)
    assert load(file)[0].config == CONFIGS[1]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file_and_nothing_else(
    step: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = file.read_bytes()
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(WeightsError, match="No space left on device"):
        save(random_network(CONFIGS[1]), file, PROVENANCE, overwrite=True)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_the_file_has_the_permissions_that_the_user_wants(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        save(random_network(), tmp_path / "w.safetensors", PROVENANCE)
    finally:
        os.umask(old)
    assert (tmp_path / "w.safetensors").stat().st_mode & 0o777 == 0o640


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    network = random_network()
    with pytest.raises(WeightsError, match=r"w\.pt: .*\.safetensors"):
        save(network, tmp_path / "w.pt", PROVENANCE)
    with pytest.raises(WeightsError, match=r"w\.safetensors"):
        save(network, tmp_path / "no" / "w.safetensors", PROVENANCE)
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(WeightsError, match=r"folder\.safetensors"):
        save(network, tmp_path / "folder.safetensors", PROVENANCE, overwrite=True)
    with torch.no_grad():
        network.tail[0].bias[3] = float("nan")
    with pytest.raises(WeightsError, match=r"tail\.0\.bias has NaN"):
        save(network, tmp_path / "w.safetensors", PROVENANCE)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.safetensors"]


def test_names_of_weights_are_known_without_torch() -> None:
    code = "import sys, elansr.weights.released; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
