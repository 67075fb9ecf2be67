"""On a CPU with the native library nothing of PyTorch is imported: by files, the server, workers and videos."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from elansr.engines.cpu import bindings
from elansr.images import Picture, read, write

pytestmark = pytest.mark.skipif(isinstance(bindings.load(), str), reason="needs the native library")

BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, Blocked())
"""
UPSCALE = """
from elansr.cli.main import main
sys.argv = ["elansr", "upscale", "a.png", "-s", "2"]
main()
"""
SERVE = """
from elansr.server.limits import Limits
from elansr.server.processing import RequestOptions
from elansr.server.service import Service
service = Service(Limits(), model="elan-light-x2")
result = service.submit(open("a.png", "rb").read(), "a.png", RequestOptions()).result()
open(result.file_name, "wb").write(result.data)
service.close(wait=True)
"""
VIDEO = UPSCALE.replace('"upscale", "a.png"', '"video", "a.mp4"')
WORKER = """
from elansr.cluster.settings import Settings
from elansr.cluster.sources import Columns, find, planned
from elansr.cluster.worker import Worker, WorkerConfig
import os
os.makedirs("out")
settings = Settings(model="elan-light-x2", device="cpu")
worker = Worker(WorkerConfig(os.getcwd(), os.path.abspath("out"), settings, Columns(), None, 1, "cpu"), lambda name: 1)
[item] = planned([item for item in find(os.getcwd(), Columns())[1] if item.key == "a.png"], "_x2", "auto")
[row] = worker.chunk("c", [item])
os.rename(f"out/{item.target}", "a_x2.png")
"""


@pytest.mark.parametrize(
    ("program", "needed"), [(UPSCALE, ()), (SERVE, ("fastapi", "prometheus_client")), (WORKER, ("ray", "fsspec"))]
)
def test_a_picture(program: str, needed: tuple[str, ...], environment: dict[str, str], tmp_path: Path) -> None:
    if missing := [name for name in needed if find_spec(name) is None]:
        pytest.skip(f"needs {', '.join(missing)}")
    noise = np.random.default_rng(0).integers(0, 256, (24, 30, 3), dtype=np.uint8)
    write(Picture((noise,)), tmp_path / "a.png")
    run(program, environment, tmp_path)
    assert read(tmp_path / "a_x2.png").pixels.shape == (48, 60, 3)


def test_a_video(environment: dict[str, str], tmp_path: Path) -> None:
    pytest.importorskip("av", reason="needs the extra video")
    from tests.video import clips

    clips.write(tmp_path / "a.mp4")
    run(VIDEO, environment, tmp_path)
    assert len(clips.shown(tmp_path / "a_x2.mp4").pixels) == 12


def run(program: str, environment: dict[str, str], folder: Path) -> None:
    command = [sys.executable, "-c", BLOCKED + program]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
