"""Triton's interpreter, which runs kernels on the CPU: `from tests.engines.cuda.interpreter import interpreter`."""

import importlib.util
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="session")
def interpreter() -> Iterator[None]:
    """Makes `elansr.engines.cuda.launches` work on the CPU; import it inside the test."""
    if importlib.util.find_spec("triton") is None:
        pytest.skip("Triton is not installed")
    if os.environ.get("TRITON_INTERPRET") != "1":  # tests/conftest.py
        pytest.skip("there is a GPU, and tests/engines/cuda/test_on_gpu.py runs the kernels on it")
    with pytest.MonkeyPatch.context() as patch:
        from triton.runtime.interpreter import InterpreterBuilder

        import elansr.engines.cuda.triton_kernels  # noqa: F401

        dot, cast = InterpreterBuilder.create_dot, InterpreterBuilder.cast_impl
        patch.setattr(InterpreterBuilder, "create_dot", lambda self, a, b, *rest: dot(self, wide(a), wide(b), *rest))
        patch.setattr(InterpreterBuilder, "cast_impl", lambda self, x, to: cast(self, rounded(x, to), to))
        yield


def wide(x: Any) -> Any:
    """bfloat16 as float32: the interpreter's dot would take the bits of bfloat16 for whole numbers."""
    import triton.language as tl
    from triton.runtime.interpreter import TensorHandle

    if x.dtype.scalar != tl.bfloat16:
        return x
    return TensorHandle((x.data.astype(np.uint32) << 16).view(np.float32), tl.float32)


def rounded(x: Any, to: Any) -> Any:
    """float32 that is to become bfloat16, rounded to nearest even as a GPU does: the interpreter cuts bits off."""
    import triton.language as tl
    from triton.runtime.interpreter import TensorHandle

    if (x.dtype.scalar, to.scalar) != (tl.float32, tl.bfloat16):
        return x
    bits = np.ascontiguousarray(x.data).view(np.uint32)
    nearest = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    return TensorHandle(nearest.astype(np.uint32).view(np.float32), tl.float32)
