"""The rules of the house: which part may import which, what `import elansr` costs."""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "elansr"
FILES = sorted(SOURCE.rglob("*.py"))
PUBLIC_NAMES = "elansr"  # elansr/__init__.py

LEVELS = (
    {"errors"},
    {"text"},
    {"arguments", "disk", "memory"},
    {"images", "nn"},
    {"weights"},
    {"engines"},
    {"upscaling"},
    {"benchmark", "video"},
    {"evaluation"},
    {"training", "export"},
    {PUBLIC_NAMES},
    {"server", "cluster"},
    {"cli"},
    {"__main__"},
)
"""A part imports from the levels above its own in this table, and from itself."""

OUTSIDE_NN = {"ctypes", "triton", "numpy", "pyvips", "PIL", "safetensors", "pathlib", "os", "io", "shutil", "tempfile"}
"""What the network may not import: it knows no file and no second array library."""


def part_of(module: str) -> str:
    """The part of the house that a module belongs to: "nn" for "elansr.nn.ops", "elansr" for "elansr" itself."""
    _, _, inside = module.partition(".")
    return inside.split(".")[0] or PUBLIC_NAMES


def imported_modules(tree: ast.AST, module: str, is_package: bool) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of every import, wherever it stands; for `from a import b` the name is "a.b"."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*start, *(node.module or "").split(".")]).strip(".")
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def violations(source: str, module: str, is_package: bool = False) -> list[str]:
    """One sentence for each import in `source`, the text of `module`, that goes against the order."""
    height = {part: i for i, level in enumerate(LEVELS) for part in level}
    importer = part_of(module)
    if importer not in height:
        return [f"{module}: {importer!r} has no place in LEVELS: give it one"]
    found = []
    for line, name in imported_modules(ast.parse(source), module, is_package):
        top, imported = name.split(".")[0], part_of(name)
        if imported not in height:
            imported = PUBLIC_NAMES  # `from elansr import Upscaler`
        if importer == "nn" and top in OUTSIDE_NN:
            found.append(f"{module}:{line}: nn imports {top}")
        if top != "elansr" or name == "elansr.__version__" or importer in (imported, PUBLIC_NAMES):
            continue
        if height[imported] >= height[importer]:
            found.append(f"{module}:{line}: {importer} imports {imported}")
    return found


def module_name(path: Path) -> str:
    parts = ["elansr", *path.relative_to(SOURCE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def relative(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def test_there_is_something_to_check() -> None:
    assert {"errors.py", "nn/elan.py", "images/resize.py"} <= {relative(path) for path in FILES}


def test_no_class_name_is_used_twice() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in FILES]
    names = Counter(node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef))
    assert [name for name, count in names.items() if count > 1] == []


def test_no_module_name_is_used_twice() -> None:
    names = Counter(path.name for path in FILES if path.name != "__init__.py")
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("path", [path for path in FILES if path.name == "__init__.py"], ids=relative)
def test_a_package_lists_its_files(path: Path) -> None:
    """A docstring that says what files are for says it of all of them, and of no others."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    listed = set(re.findall(r"(?<![\w/.])\w+\.py\b", docstring))
    assert not listed or listed == {file.name for file in path.parent.glob("*.py")} - {"__init__.py"}
    for folder in re.findall(r"(?<![\w/.])\w+/(?!\w)", docstring):
        assert (path.parent / folder).is_dir(), f"there is no {folder}"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_imports_run_one_way(path: Path) -> None:
    assert not violations(path.read_text(encoding="utf-8"), module_name(path), path.name == "__init__.py")


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("elansr.images.reading", "from elansr.weights import weights_file", "images imports weights"),
        ("elansr.images.reading", "from elansr import weights", "images imports weights"),
        ("elansr.images.reading", "from ..weights.files import save", "images imports weights"),
        ("elansr.images.reading", "from .. import weights", "images imports weights"),
        ("elansr.nn.ops", "import elansr.images.resize as r", "nn imports images"),
        ("elansr.nn.ops", "def f():\n    import numpy.linalg", ":2: nn imports numpy"),
        ("elansr.nn.ops", "import torch, pyvips", "nn imports pyvips"),
        ("elansr.errors", "from elansr.images import resize", "errors imports images"),
        ("elansr.weights.weights_file", "from elansr import load_model", "weights imports elansr"),
        ("elansr.weights.weights_file", "import elansr", "weights imports elansr"),
        ("elansr.upscaling.tiling", "from elansr.evaluation import metrics", "upscaling imports evaluation"),
        ("elansr.training.loop", "from elansr.export.onnx import write", "training imports export"),
        ("elansr.export.onnx", "from elansr.cli.main import main", "export imports cli"),
        ("elansr.sundries", "", "'sundries' has no place in LEVELS"),
    ],
)
def test_the_checker_finds_a_wrong_import(module: str, source: str, complaint: str) -> None:
    (found,) = violations(source, module)
    assert complaint in found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "elansr.nn.elan",
            "import math\nimport torch\nfrom elansr.errors import ConfigError\nfrom elansr.nn import ops",
        ),
        ("elansr.nn.elan", "from .layers import ShiftConv\nfrom . import ops\nfrom ..errors import ConfigError"),
        ("elansr.images.reading", "import os\nimport numpy as np\nfrom pathlib import Path"),
        ("elansr.weights.weights_file", "from elansr import __version__\nfrom elansr.nn.elan import ELAN"),
        ("elansr.cli.main", "from elansr import Upscaler\nfrom elansr.training import loop"),
        ("elansr.__main__", "from elansr.cli.main import main"),
        ("elansr.training.loop", "import elansronics\nfrom elansr.evaluation import metrics"),
    ],
)
def test_the_checker_lets_a_right_import_pass(module: str, source: str) -> None:
    assert violations(source, module) == []


def test_a_relative_import_in_a_package_file_starts_at_the_package() -> None:
    assert violations("from .ops import pad", "elansr.nn", is_package=True) == []
    assert violations("from ..images import files", "elansr.nn", is_package=True) == ["elansr.nn:1: nn imports images"]


@pytest.mark.parametrize("module", ["elansr", "elansr.cli.main"])
def test_import_does_not_bring_torch(module: str) -> None:
    program = f"import sys, {module}; print([name for name in ('torch', 'lightning', 'gradio') if name in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=SOURCE.parent, capture_output=True, text=True, check=False
    )
    assert (run.stdout.strip(), run.stderr) == ("[]", "")


def test_a_file_is_named_for_what_it_does() -> None:
    assert not [relative(path) for path in FILES if path.stem in {"utils", "helpers", "common"}]
