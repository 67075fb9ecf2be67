"""What a core install does: pictures are upscaled on a CPU where PyTorch is not installed, nor asked for."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from elansr.engines.cpu import bindings
from elansr.images import read

if not bindings.available():
    pytest.skip(f"no native library: {bindings.reason()}", allow_module_level=True)

PHOTO = Path(__file__).resolve().parents[1] / "examples" / "otter.jpg"

PRELUDE = """
import sys
from importlib.machinery import PathFinder

class WithoutTorch(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name == "torch" else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutTorch
"""
COMMAND = """
from elansr.cli.main import main
sys.argv[0] = "elansr"
main()
"""
UPSCALER = """
import numpy as np
import elansr
upscaler = elansr.load("elan-light", scale=2, device=sys.argv[1], precision=sys.argv[2])
assert upscaler(np.zeros((20, 30, 4), np.uint16)).shape == (40, 60, 4)
"""
SERVER = """
from fastapi.testclient import TestClient
from elansr.server.limits import Limits
from elansr.server.rest import create_app
from elansr.server.service import Service
service = Service(Limits(), model="elan-light-x2-real")
with TestClient(create_app(service, page=False)) as client, open(sys.argv[1], "rb") as photo:
    answer = client.post("/v1/upscale", files={"picture": photo}, data={"scale": "2"})
    assert answer.status_code == 200, answer.text
service.close(wait=False)
"""


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs a program with PyTorch out of reach."""
    command = [sys.executable, "-c", PRELUDE + program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_upscales_a_picture(tmp_path: Path) -> None:
    done = run(COMMAND, "upscale", PHOTO, "-s", 2, "-o", tmp_path / "large.png")
    assert done.returncode == 0, done.stderr
    small, large = (read(path).pixels for path in (PHOTO, tmp_path / "large.png"))
    assert large.shape == (2 * small.shape[0], 2 * small.shape[1], 3)
    assert np.abs(large.mean((0, 1)) - small.mean((0, 1))).max() < 1


def test_the_command_describes_weights() -> None:
    done = run(COMMAND, "info", "elan-light-x4")
    assert done.returncode == 0, done.stderr
    assert "601" in done.stdout


def test_the_command_converts_safetensors_of_other_projects(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.safetensors"
    for arguments in (("elan-light-x2", foreign, "--to", "trainner"), (foreign, tmp_path / "back.safetensors")):
        done = run(COMMAND, "convert", *arguments)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("precision", ["auto", "fp32"])
def test_arrays_are_upscaled(precision: str) -> None:
    done = run(UPSCALER, "auto", precision)
    assert done.returncode == 0, done.stderr


def test_the_server_answers() -> None:
    pytest.importorskip("fastapi", reason="needs pip install '.[web]'")
    pytest.importorskip("httpx", reason="needs pip install httpx")
    done = run(SERVER, PHOTO)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("upscale", PHOTO, "-s", 2, "--device", "cuda"),
        ("upscale", PHOTO, "-s", 2, "--precision", "fp16"),
        ("upscale", PHOTO, "-s", 2, "--engine", "torch"),
        ("export", "elan-light-x2", "-o", "model.onnx"),
        ("convert", "elan-light-x2", "model.pth", "--to", "basicsr"),
        ("benchmark",),
    ],
    ids=str,
)
def test_what_needs_pytorch_says_so_in_one_line(arguments: tuple[object, ...], tmp_path: Path) -> None:
    output = ("-o", tmp_path / "large.png") if arguments[0] == "upscale" else ()
    done = run(COMMAND, *arguments, *output)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert (".[export]" if arguments[0] == "export" else ".[torch]") in done.stderr


NAMES = """
import elansr
from elansr.errors import MissingExtraError
calls = {
    "ELAN": lambda: elansr.ELAN,
    "create_model": lambda: elansr.create_model,
    "load_network": lambda: elansr.load_network("elan-light-x2"),
    "from_pretrained": lambda: elansr.hub.from_pretrained("elan-light-x2"),
}
for name, call in calls.items():
    try:
        call()
    except MissingExtraError as error:
        assert "[torch]" in str(error), name
    else:
        raise AssertionError(name)
assert elansr.describe("elan-light-x2").parameters == 582_012
"""


def test_networks_of_pytorch_say_which_extra_brings_it() -> None:
    done = run(NAMES)
    assert done.returncode == 0, done.stderr
