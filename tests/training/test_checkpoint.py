"""Checkpoints: the newest few, none half written, a damaged or foreign one refused."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from elansr.errors import DataError, TrainingError
from elansr.training.checkpoint import Checkpoints, TrainState


def state(step: int = 0, width: int = 4) -> TrainState:
    torch.manual_seed(step)
    network = nn.Sequential(nn.Conv2d(3, width, 1), nn.BatchNorm2d(width))
    optimizer = torch.optim.AdamW(network.parameters())
    generator = torch.Generator().manual_seed(step)
    return TrainState(network, nn.Sequential(*network), optimizer, generator, None, step, config={"width": width})


def test_the_newest_few_are_kept_by_step(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    for step in (5, 10, 100, 1000):
        checkpoints.save(state(step))
    assert [path.name for path in checkpoints.newest_first()] == ["step_000001000.ckpt", "step_000000100.ckpt"]
    again = state()
    checkpoints.resume(again)
    assert again.step == 1000
    assert torch.equal(again.network[0].weight, state(1000).network[0].weight)  # type: ignore[index]
    assert again.generator.get_state().equal(state(1000).generator.get_state())


def test_without_a_checkpoint_nothing_changes(tmp_path: Path) -> None:
    fresh = state()
    Checkpoints(tmp_path, keep=1).resume(fresh)
    assert fresh.step == 0


@pytest.mark.parametrize("size", [0, 100, 2000])
def test_a_damaged_newest_yields_to_the_one_before(tmp_path: Path, size: int) -> None:
    checkpoints = Checkpoints(tmp_path, keep=3)
    for step in (1, 2):
        checkpoints.save(state(step))
    newest = checkpoints.newest_first()[0]
    newest.write_bytes(newest.read_bytes()[:size])
    again = state()
    checkpoints.resume(again)
    assert again.step == 1
    checkpoints.newest_first()[1].write_bytes(b"")
    with pytest.raises(DataError, match=r"step_000000002\.ckpt"):
        checkpoints.resume(state())


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    Checkpoints(tmp_path, keep=1).save(state(1, width=4))
    with pytest.raises(DataError, match="network"):
        Checkpoints(tmp_path, keep=1).resume(state(width=8))


def test_a_missing_named_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"missing\.ckpt"):
        Checkpoints(tmp_path, keep=1).resume(state(), tmp_path / "missing.ckpt")


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from elansr.errors import TrainingError
from elansr.training.checkpoint import Checkpoints
from tests.training.test_checkpoint import state
folder = Path(sys.argv[1])
Checkpoints(folder, keep=1).save(state(1))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    Checkpoints(folder, keep=1).save(state(2))
except TrainingError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as only POSIX can")
def test_where_no_more_can_be_written_the_last_good_one_survives(tmp_path: Path) -> None:
    """The operating system refuses to write past 1,000 bytes, as it does on a full disk."""
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    refusal = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]).stdout
    assert "step_000000002.ckpt: cannot be written" in refusal
    assert [path.name for path in tmp_path.iterdir()] == ["step_000000001.ckpt"]
    again = state()
    Checkpoints(tmp_path, keep=1).resume(again)
    assert again.step == 1


def test_a_folder_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError):
        Checkpoints(tmp_path / "gone", keep=1).save(state(1))
