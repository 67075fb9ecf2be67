"""Compiles the kernels for a GPU that need not be there; prints what ptxas says of each, as JSON.

A program of its own: in the tests' process, kernels are interpreted. Triton brings ptxas and cuobjdump with it.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from elansr.engines.cuda import triton_kernels as kernels
from elansr.engines.cuda.launches import LOCAL_OPTIONS, LOCAL_OPTIONS_FLOAT32, LOCAL_TILE, MERGE_TILE, WARPS

NAMES = ("local_features", "attention", "merged")
TYPES = {"fp16": "tf32", "bf16": "tf32", "fp32": "tf32x3"}
LIGHT = {"channels": 60, "depth": 20, "padded": 64}
LOCAL = {"hidden": 32, "chunks": 1, "tile_height": LOCAL_TILE[0], "tile_width": LOCAL_TILE[1]}
ATTENTION = {"groups": 3, "depth": 20, "padded": 32, "rows": 64, "sides": 0x432}


def variants(name: str, dtype: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Constants and options of all that a kernel is compiled to for ELAN-light."""
    local = LOCAL_OPTIONS_FLOAT32 if dtype == "fp32" else LOCAL_OPTIONS
    few = {"num_warps": WARPS}
    pairs = [(shifted, closed) for shifted in (True, False) for closed in (True, False)]
    return {
        "local_features": [(LIGHT | LOCAL | {"own": own}, local) for own in (True, False)],
        "attention": [(ATTENTION | {"shifted": shifted, "closed": closed}, few) for shifted, closed in pairs],
        "merged": [(LIGHT | {"tile": MERGE_TILE}, few)],
    }[name]


def compiled(name: str, dtype: str, capability: int, constants: dict[str, Any], options: dict[str, Any]) -> Any:
    kernel = getattr(kernels, name)
    constants = constants | {"precision": TYPES[dtype]}
    pointers = {n: "*fp32" if "bias" in n else f"*{dtype}" for n in kernel.arg_names if n.endswith("_ptr")}
    signature = {n: "constexpr" if n in constants else pointers.get(n, "i32") for n in kernel.arg_names}
    places = {n: (place,) for place, n in enumerate(kernel.arg_names)}
    aligned = {places[n]: [["tt.divisibility", 16]] for n in pointers}
    source = ASTSource(kernel, signature, {places[n]: value for n, value in constants.items()}, aligned)
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)


def usage(binary: bytes) -> dict[str, int]:
    """Registers a thread, and bytes of its stack, where spilled registers lie."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(binary)
        file.flush()
        program = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
        report = subprocess.run([program, "-res-usage", file.name], capture_output=True, text=True, check=True).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+)", report)
    assert found, report
    return {"registers": int(found[1]), "stack": int(found[2])}


def main(capability: int, dtype: str, most: int) -> None:
    rows = []
    for name in NAMES:
        for constants, options in variants(name, dtype)[:most]:
            done = compiled(name, dtype, capability, constants, options)
            said = {n: constants[n] for n in ("own", "shifted", "closed") if n in constants}
            row = {"kernel": name, "dtype": dtype, "sm": capability, **said, "shared": done.metadata.shared}
            rows.append(row | usage(done.asm["cubin"]) | {"wgmma": done.asm["ptx"].count("wgmma.mma_async")})
    print(json.dumps(rows))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
