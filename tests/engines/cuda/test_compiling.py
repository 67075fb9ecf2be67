"""The kernels compile for a GPU, and fit on it; no GPU is needed for that.

All types and GPUs, which takes minutes: ELANSR_ALL_KERNELS=1 pytest tests/engines/cuda/test_compiling.py -s
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

if importlib.util.find_spec("triton") is None:
    pytest.skip("Triton is not installed", allow_module_level=True)

PROGRAM = Path(__file__).with_name("compiling.py")
ALL = bool(os.environ.get("ELANSR_ALL_KERNELS"))
CASES = [(90, "fp16")] + [(sm, dtype) for sm in (80, 89, 90) for dtype in ("bf16", "fp32")] * ALL


def compiled(capability: int, dtype: str) -> list[dict[str, object]]:
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    command = [sys.executable, PROGRAM, str(capability), dtype, "9" if ALL else "1"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert not run.returncode, run.stderr
    rows: list[dict[str, object]] = json.loads(run.stdout)
    print(*rows, sep="\n")
    return rows


@pytest.mark.slow
@pytest.mark.parametrize(("capability", "dtype"), CASES, ids=str)
def test_kernels_compile_and_fit(capability: int, dtype: str) -> None:
    """Shared memory that every GPU gives a program, and hardly a register that is spilled where it is to be fast."""
    for row in compiled(capability, dtype):
        assert row["shared"] <= 48 * 1024
        if dtype != "fp32":
            assert row["stack"] <= 16
        assert bool(row["wgmma"]) == (capability == 90)
