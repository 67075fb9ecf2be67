"""The custom node folder, imported as ComfyUI imports one; ComfyUI is not here, and what it does is written out."""

import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file

from elansr.weights.released import resolve

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "comfyui"
CHILD = """
import sys
sys.path[1:1] = {paths!r}
from importlib.util import module_from_spec, spec_from_file_location
from tests.engines.spandrel.stand_in import torchvision_stand_in
spec = spec_from_file_location("custom_nodes.elansr", {file!r})
with torchvision_stand_in():
    spec.loader.exec_module(module_from_spec(spec))
import spandrel, elansr
print("elansr" in spandrel.MAIN_REGISTRY, elansr.__file__)
"""


def imported_as_a_custom_node(folder: Path) -> ModuleType:
    """What ComfyUI does with each folder in custom_nodes."""
    name = str(folder).replace(".", "_x_")
    spec = spec_from_file_location(name, folder / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_load_upscale_model_opens_our_weights(spandrel: ModuleType) -> None:
    node = imported_as_a_custom_node(FOLDER)
    assert (node.NODE_CLASS_MAPPINGS, node.NODE_DISPLAY_NAME_MAPPINGS) == ({}, {})
    # The node "Load Upscale Model": the tensors of the file go to spandrel, metadata does not.
    model = spandrel.ModelLoader().load_from_state_dict(load_file(resolve("elan-light-x2"))).eval()
    assert isinstance(model, spandrel.ImageModelDescriptor)
    # "Upscale Image (using Model)" works on tiles in float32, and counts the memory of the model.
    assert model(torch.rand(1, 3, 16, 24)).shape == (1, 3, 32, 48)
    assert sum(tensor.nbytes for tensor in model.model.state_dict().values()) > 2_000_000


def test_a_link_into_a_clone_needs_no_installation(tmp_path: Path) -> None:
    link = tmp_path / "comfyui-elansr"
    try:
        link.symlink_to(FOLDER, target_is_directory=True)
    except OSError:
        pytest.skip("this system does not let links be made")
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    program = CHILD.format(paths=[str(ROOT), *libraries], file=str(link / "__init__.py"))
    # -S: without the installed elansr, which an editable installation brings in by `site`
    run = subprocess.run(
        [sys.executable, "-S", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    assert run.stdout.split() == ["True", str(ROOT / "src" / "elansr" / "__init__.py")]


def test_a_copy_without_elansr_says_what_to_do(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "node")
    program = f"import runpy; runpy.run_path({str(tmp_path / 'node' / '__init__.py')!r})"
    run = subprocess.run(
        [sys.executable, "-S", "-E", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    last = run.stderr.splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: elansr is not installed for the Python of ComfyUI")
    assert "README.md" in last


def test_the_package_asks_for_the_same_in_both_files() -> None:
    tomllib = pytest.importorskip("tomllib", reason="tomllib came with Python 3.11")
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (FOLDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == project["dependencies"]
    assert project["version"] == ours["version"]
    assert set(project["dependencies"]) <= {*ours["dependencies"], *ours["optional-dependencies"]["spandrel"]}
