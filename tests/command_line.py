"""The command line for tests, called in this process or in one of its own, and tiny weights for it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import elansr
from elansr.cli.main import app
from elansr.images import Picture, write
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.weights.provenance import Provenance
from elansr.weights.weights_file import save

CALM = {"OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "0", "OMP_WAIT_POLICY": "passive", "COLUMNS": "100"}


@dataclass(frozen=True)
class Ended:
    """What a command printed, and its exit code."""

    code: int
    stdout: str
    stderr: str

    @property
    def error_lines(self) -> list[str]:
        return self.stderr.splitlines()


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Weights files of x2, x3 and x4."""
    folder = tmp_path_factory.mktemp("weights")
    paths = {}
    for scale in (2, 3, 4):
        torch.manual_seed(scale)
        network = ELAN(ELANConfig(scale=scale, channels=6, blocks=2, n_share=1))
        paths[scale] = folder / f"tiny_x{scale}.safetensors"
        save(network, paths[scale], Provenance(name=f"tiny-x{scale}", metrics={"Set5": {"PSNR-Y": 12.3}}))
    return paths


@pytest.fixture
def call() -> Callable[..., Ended]:
    """Calls the command line in this process."""

    def run(*arguments: object) -> Ended:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def environment() -> dict[str, str]:
    """For a process of its own, which finds elansr whether it is installed or not."""
    return os.environ | CALM | {"PYTHONPATH": str(Path(elansr.__file__).parents[1])}


def _listen_to_ctrl_c() -> None:
    """A test run in the background of a script ignores SIGINT, and so would what it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def start(environment: dict[str, str]) -> Callable[..., "subprocess.Popen[str]"]:
    """Starts the command line in a process of its own."""

    def popen(*arguments: object) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "elansr", *map(str, arguments)]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, stdout=pipe, stderr=pipe, text=True, env=environment, preexec_fn=_listen_to_ctrl_c
        )

    return popen


@pytest.fixture
def spawn(start: Callable[..., "subprocess.Popen[str]"]) -> Callable[..., Ended]:
    """Runs the command line in a process of its own, to its end."""

    def run(*arguments: object) -> Ended:
        process = start(*arguments)
        stdout, stderr = process.communicate(timeout=120)
        return Ended(process.returncode, stdout, stderr)

    return run


@pytest.fixture
def photo(tmp_path: Path) -> Callable[..., Path]:
    """Writes a picture of noise below `tmp_path`."""

    def make(name: str, height: int = 12, width: int = 20, channels: int = 3, pages: int = 1) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(0).integers(0, 256, (pages, height, width, channels), dtype=np.uint8)
        write(Picture(tuple(noise)), path)
        return path

    return make
