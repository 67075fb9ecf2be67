"""Pickles are opened for their tensors only: nothing in them runs, and no damage does worse than a refusal."""

import contextlib
import io
import pickle
import random
import struct
import zipfile
from pathlib import Path

import pytest
import torch

from elansr.errors import WeightsError
from elansr.weights.load import load_network, read_weights
from tests.weights.by_hand import TINY, official_state


class Bomb:
    """Unpickled without care, it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


class Shell(Bomb):
    def __reduce__(self) -> tuple[object, ...]:
        return (exec, (f"open({str(self.path)!r}, 'w').close()",))


@pytest.mark.parametrize("bomb", [Bomb, Shell])
@pytest.mark.parametrize("form", ["zip", "legacy", "bare pickle", "beside the weights"])
def test_a_malicious_pickle_does_nothing(bomb: type[Bomb], form: str, tmp_path: Path) -> None:
    canary, path = tmp_path / "canary", tmp_path / "w.pth"
    content = {"model_state_dict": bomb(canary)}
    if form == "beside the weights":
        content = {"model_state_dict": official_state(), "stat_dict": bomb(canary)}
    if form == "bare pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form != "legacy")
    with pytest.raises(WeightsError, match="nothing in it was executed") as caught:
        load_network(path)
    assert not canary.exists()
    assert "\n" not in str(caught.value)
    pickle.loads(pickle.dumps(bomb(canary)))
    assert canary.exists(), "the bomb is a dud and proves nothing"


def test_the_foreign_object_is_named(tmp_path: Path) -> None:
    torch.save({"params": Shell(tmp_path)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"w\.pth: .*exec.* nothing in it was executed"):
        read_weights(tmp_path / "w.pth")


def saved(legacy: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save({"params": official_state()}, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


@pytest.mark.parametrize("legacy", [False, True])
def test_a_truncated_checkpoint_is_refused_at_every_length(legacy: bool, tmp_path: Path) -> None:
    data, path = saved(legacy), tmp_path / "w.pth"
    for length in [*range(1, 40), *range(40, len(data), len(data) // 40), len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(WeightsError, match=r"w\.pth: "):
            read_weights(path, windows=TINY.windows)
    path.write_bytes(b"")
    with pytest.raises(WeightsError, match=r"\.pth: "):
        read_weights(path)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_damaged_checkpoint_never_does_worse_than_a_refusal(legacy: bool, tmp_path: Path) -> None:
    data, path, chance = saved(legacy), tmp_path / "w.pth", random.Random(0)
    for _ in range(60):
        damaged = bytearray(data)
        for position in chance.sample(range(len(data)), 3):
            damaged[position] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        with contextlib.suppress(WeightsError):
            read_weights(path, windows=TINY.windows)


@pytest.mark.parametrize(
    "data", [b"\x80\x02.", b"PK\x03\x04", b"\x80\x04N.", b"not a pickle", struct.pack("<Q", 2) + b"{}"]
)
def test_other_bytes_are_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(data)
    with pytest.raises(WeightsError, match=r"w\.pt: "):
        read_weights(tmp_path / "w.pt")


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.pt", "w") as archive:
        archive.writestr("word/document.xml", "<xml/>")
    with pytest.raises(WeightsError, match="nothing in it was executed"):
        read_weights(tmp_path / "w.pt")
