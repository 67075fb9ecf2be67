"""Lets ComfyUI's "Load Upscale Model" node load ELAN files; adds no node of its own.

ComfyUI loads upscale models with spandrel; this adds ELAN to spandrel. It uses the installed elansr or, if this folder
is a link into a clone of elansr, the clone.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

NODE_CLASS_MAPPINGS: dict[str, type] = {}
NODE_DISPLAY_NAME_MAPPINGS: dict[str, str] = {}

_SOURCE = Path(__file__).resolve().parent.parent / "src"
if find_spec("elansr") is None and (_SOURCE / "elansr" / "__init__.py").is_file():
    sys.path.append(str(_SOURCE))

try:
    from elansr.engines.spandrel import install
except ModuleNotFoundError as error:
    if error.name != "elansr":
        raise
    raise ModuleNotFoundError(
        "elansr is not installed for the Python of ComfyUI, and this folder is no link into a clone of elansr: "
        "see its README.md",
        name="elansr",
    ) from None

install()
