"""Every way in which a file of ours can be wrong ends in one sentence, never in a traceback or a crash."""

import contextlib
import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from elansr.errors import WeightsError
from elansr.weights.weights_file import load
from tests.weights.samples import PROVENANCE, header_of, random_network

COUNTER = "body.0.attention.project.norm.num_batches_tracked"
Metadata = dict[str, str]
Tensors = dict[str, Tensor]


def refusal(path: Path) -> str:
    """The one line that `load` gives instead of a network."""
    with pytest.raises(WeightsError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < 700
    return message.removeprefix(f"{path}: ")


def with_config(**changes: object) -> Callable[[Metadata, Tensors], None]:
    def change(metadata: Metadata, _: Tensors) -> None:
        metadata["config"] = json.dumps(json.loads(metadata["config"]) | changes)

    return change


def with_metadata(**changes: str | None) -> Callable[[Metadata, Tensors], None]:
    def change(metadata: Metadata, _: Tensors) -> None:
        for key, value in changes.items():
            if value is None:
                del metadata[key]
            else:
                metadata[key] = value

    return change


def with_tensor(name: str, tensor: Tensor | None) -> Callable[[Metadata, Tensors], None]:
    def change(_: Metadata, tensors: Tensors) -> None:
        tensors.pop(name, None)
        if tensor is not None:
            tensors[name] = tensor

    return change


WRONG = [
    (with_metadata(format=None), "`elansr convert`"),
    (with_metadata(format="pt"), "`elansr convert`"),
    (with_metadata(format_version=None), "format_version None is not '1'"),
    (with_metadata(format_version="2"), "format_version '2' is not '1': install a newer elansr"),
    (with_metadata(config=None), "the metadata must be config, format"),
    (with_metadata(extra="x"), "the metadata must be config, format"),
    (with_metadata(config="{"), "config is not valid JSON"),
    (with_metadata(config="[" * 100_000), "config is not valid JSON"),
    (with_metadata(config="[4]"), "config is not a JSON object"),
    (with_metadata(config="{}"), "'blocks', 'channels', 'expansion' and 5 more missing"),
    (with_config(colour="red"), "config has nothing missing and 'colour' unknown"),
    (with_config(scale=9), "config scale=9: must be from 1 to 8"),
    (with_config(scale="2"), "config scale='2': must be a whole number"),
    (with_config(scale=2.0), "config scale=2.0: must be a whole number"),
    (with_config(scale=True), "config scale=True: must be a whole number"),
    (with_config(scale=None), "config scale=None: must be a whole number"),
    (with_config(windows=4), "config windows=4: must be"),
    (with_config(windows=[]), "config windows=()"),
    (with_config(windows=[4, "8"]), "config windows=(4, '8'): must be"),
    (with_config(rgb_mean=[0.1, 0.2]), "must be 1 or 3 finite numbers"),
    (with_config(rgb_mean=[0.1, 0.2, float("nan")]), "config rgb_mean=nan: must be a finite number"),
    (with_config(rgb_range=float("inf")), "config rgb_range=inf: must be a finite number"),
    (with_config(rgb_range=10**400), "must be a finite number"),
    (with_config(rgb_range=0), "config rgb_range=0.0: must be positive"),
    (with_config(n_share=3), "'body.0.local.2.expand.conv.bias'"),
    (with_config(n_share=-1), "config n_share=-1"),
    (with_config(channels=12), "head.weight has the shape [6, 3, 3, 3] where this network has [12, 3, 3, 3]"),
    (with_config(scale=3), "tail.0.weight has the shape [12, 6, 3, 3] where this network has [27, 6, 3, 3]"),
    (with_config(rgb_mean=[0.5]), "head.weight has the shape [6, 3, 3, 3] where this network has [6, 1, 3, 3]"),
    (with_config(channels=10**9 * 3), "numbers in the file"),
    (with_config(channels=10**30 * 3), "numbers in the file"),
    (with_config(blocks=10**9 * 2), "numbers in the file"),
    (with_config(blocks=10**9, n_share=10**9 - 1), "numbers in the file"),
    (with_config(expansion=10**15), "numbers in the file"),
    (with_metadata(provenance="{"), "provenance is not valid JSON"),
    (with_metadata(provenance="{}"), "provenance must have exactly the keys name, recipe"),
    (with_metadata(provenance=PROVENANCE.to_json().replace('"steps": 3', '"steps": "3"')), "provenance steps='3'"),
    (with_metadata(provenance=PROVENANCE.to_json().replace("30.12", "NaN")), "provenance metrics="),
    (with_tensor("tail.0.bias", None), "'tail.0.bias' missing and nothing unknown"),
    (with_tensor("head.scale", torch.ones(1)), "nothing missing and 'head.scale' unknown"),
    (with_tensor("head.bias", torch.ones(7)), "head.bias has the shape [7] where this network has [6]"),
    (with_tensor("head.bias", torch.ones(6, 1)), "head.bias has the shape [6, 1] where"),
    (with_tensor("head.bias", torch.ones(6, dtype=torch.int32)), "head.bias is int32"),
    (with_tensor("head.bias", torch.ones(6, dtype=torch.complex64)), "head.bias is complex64"),
    (with_tensor(COUNTER, torch.tensor(1 + 2j)), f"{COUNTER} is complex64"),
    (with_tensor(COUNTER, torch.tensor(3.0)), f"{COUNTER} is float32"),
    (with_tensor("head.bias", torch.tensor([1, 2, 3, float("nan"), 5, 6])), "head.bias has NaN"),
    (with_tensor("head.bias", torch.full((6,), float("-inf"))), "head.bias has NaN or infinite"),
    (with_tensor("head.bias", torch.full((6,), 1e300, dtype=torch.float64)), "head.bias has NaN or infinite"),
    (with_tensor("head.bias", torch.empty(0, 2**40)), "where this network has [6]"),
]


@pytest.mark.parametrize(("change", "says"), WRONG, ids=[says[:40] for _, says in WRONG])
def test_a_wrong_file_is_refused(change: Callable[[Metadata, Tensors], None], says: str, file: Path) -> None:
    metadata, tensors = header_of(file.read_bytes())["__metadata__"], dict(load_file(file))
    change(metadata, tensors)
    wrong = file.with_name("wrong.safetensors")
    save_file(tensors, wrong, metadata)
    assert says in refusal(wrong)


def test_a_file_without_metadata_is_foreign(file: Path) -> None:
    save_file(load_file(file), file)
    assert "`elansr convert`" in refusal(file)


def test_a_truncated_file_is_refused_at_every_length(file: Path) -> None:
    data = file.read_bytes()
    header = 8 + int.from_bytes(data[:8], "little")
    for length in [*range(1, 20), *range(20, header, 197), header - 1, header, *range(header + 1, len(data), 8001)]:
        file.write_bytes(data[:length])
        assert "not a complete safetensors file" in refusal(file), length
    file.write_bytes(b"")
    assert "an empty file" in refusal(file)
    file.write_bytes(data + b"\0")
    assert "not a complete safetensors file" in refusal(file)


def test_damaged_headers_never_do_worse_than_a_refusal(file: Path) -> None:
    data, chance = file.read_bytes(), random.Random(0)
    header = 8 + int.from_bytes(data[:8], "little")
    positions = [*range(8), *range(8, 1200, 19), *chance.sample(range(8, header), 60)]
    for position in positions:
        damaged = bytearray(data)
        damaged[position] ^= 1 << chance.randrange(8)
        file.write_bytes(damaged)
        with contextlib.suppress(WeightsError):
            load(file)


@pytest.mark.parametrize("data", [b"\0" * 8, b"\0" * 4096, b"\xff" * 64, b"{}", b"\2\0\0\0\0\0\0\0{}", b"GIF89a" * 9])
def test_other_bytes_are_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(data)
    refusal(tmp_path / "w.safetensors")


def test_paths_that_are_no_file(tmp_path: Path, file: Path) -> None:
    assert "No such file" in refusal(tmp_path / "missing.safetensors")
    assert "not a file" in refusal(tmp_path)
    assert "Not a directory" in refusal(file / "below.safetensors")
    assert "cannot be read" in refusal(tmp_path / ("x" * 300))
    os.mkfifo(tmp_path / "pipe.safetensors")
    assert "not a file" in refusal(tmp_path / "pipe.safetensors")


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(file: Path) -> None:
    file.chmod(0)
    assert "Permission denied" in refusal(file)


def test_a_pickle_in_disguise_is_refused(tmp_path: Path) -> None:
    torch.save(random_network().state_dict(), tmp_path / "w.safetensors")
    assert "not a complete safetensors file" in refusal(tmp_path / "w.safetensors")
