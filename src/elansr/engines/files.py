"""Engines that run a file which `elansr export` wrote: ONNX Runtime and OpenVINO, each where it is installed.

choose        which engine a name and `--engine` mean
open_engine   a file -> an engine
"""

import hashlib
import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elansr.engines.device import cpu_threads, pick_device
from elansr.engines.exported import KEY, Exported
from elansr.errors import ConfigError, DeviceError, MissingExtraError, PictureError, WeightsError
from elansr.nn.ops import crop, pad
from elansr.text import one_line
from elansr.weights.disk import EXPORTED, require_readable

EngineName = Literal["auto", "torch", "onnx", "openvino"]
ENGINE_OF_SUFFIX: dict[str, EngineName] = {".onnx": "onnx", ".xml": "openvino"}
EXAMPLE = "elan-light-x4"
"""Weights that errors name where the user named none."""
BYTES_PER_CHANNEL = 265
"""Peak bytes that a pixel of a tile takes per network channel.

Measured on ELAN-light x4, 512x512 pixels: OpenVINO 254 in fp32 and 161 in bf16, ONNX Runtime 95; at 320x192 3 % more.
"""

Infer = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Float32 (N, colors, H, W) in [0, 1] to float32 (N, colors, H * scale, W * scale)."""


def choose(model: str | os.PathLike[str], engine: str) -> EngineName:
    """The engine that runs `model`.

    Args:
        model: released name, weights file or exported file.
        engine: "auto" goes by the ending of the file; any other has to fit it.

    Raises:
        ConfigError: an unknown engine, or one that does not run such a file.
    """
    if engine not in get_args(EngineName):
        raise ConfigError(f"engine {engine!r}: must be {', '.join(get_args(EngineName))}")
    found = ENGINE_OF_SUFFIX.get(Path(model).suffix.lower(), "torch")
    if Path(model).suffix.lower() in EXPORTED and found == "torch":
        raise ConfigError(f"{model}: is for PyTorch programs, not for elansr: name the weights, they do the same")
    if engine in ("auto", found):
        return found
    if found == "torch":
        name = EXAMPLE if model == "auto" else model
        raise ConfigError(
            f"{model}: weights, and --engine {engine} runs exported files: first "
            f"`elansr export {name} --to {engine} -o {_example(engine)}`, then -n {_example(engine)}"
        )
    raise ConfigError(
        f"{model}: a file for --engine {found}, not for {engine}: leave --engine out, or name other files"
    )


def open_engine(path: Path, device: str = "auto") -> "FileEngine":
    """Opens an exported model, with as many CPU threads as PyTorch has.

    Args:
        path: the file: .onnx, or .xml with its .bin beside it.
        device: "auto" is CUDA where ONNX Runtime has it, else the CPU; "cpu"; or, for ONNX Runtime, "cuda" or "cuda:N".

    Raises:
        WeightsError: not a file of ours, or one that the run time cannot read.
        MissingExtraError: the run time is not installed.
        DeviceError: the run time has no such device.
    """
    require_readable(path)
    if choose(path, "auto") not in _OPENERS:
        raise WeightsError(f"{path}: an exported model ends in {' or '.join(ENGINE_OF_SUFFIX)}")
    pick, open_file = _OPENERS[choose(path, "auto")]
    where = pick(device)
    try:
        exported, infer = open_file(path, where)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error
    return FileEngine(path, where, exported, infer)


class FileEngine:
    """Runs an exported model on tiles of any size up to its own, see `Engine`.

    Args:
        path: the file.
        device: where it runs.
        exported: what the file says about itself.
        infer: runs it.
    """

    def __init__(self, path: Path, device: torch.device, exported: Exported, infer: Infer) -> None:
        self.path, self.device, self.exported, self._infer = path, device, exported, infer
        self.config, self.precision, self.size = exported.config, exported.precision, exported.size
        self.bytes_per_pixel = BYTES_PER_CHANNEL * exported.config.channels

    def __call__(self, tile: Tensor) -> Tensor:
        """See `Engine`; reflected pixels at the right and the bottom make up what is missing to the model's size.

        Raises:
            PictureError: the model takes one size only, and the tile is larger.
            MemoryError: memory ran out.
            DeviceError: the run time fails.
        """
        height, width, scale = *tile.shape[-2:], self.config.scale
        rows, columns = self._extent(height, width)
        x = pad(tile, 0, columns - width, 0, rows - height).reshape(-1, self.config.colors, rows, columns)
        parts = [self._run(np.ascontiguousarray(part)) for part in x.split(1 if self.size else len(x))]
        result = torch.from_numpy(np.concatenate(parts)).reshape(1, -1, rows * scale, columns * scale)
        return crop(result, 0, 0, height * scale, width * scale)

    def digest(self) -> str:
        """See `Engine`."""
        files = [self.path, self.path.with_suffix(".bin")] if self.path.suffix.lower() == ".xml" else [self.path]
        return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()

    def require_scale(self, scale: int | None) -> None:
        """Refuses another scale than the model's, with a WeightsError."""
        if scale not in (None, self.config.scale):
            raise WeightsError(f"{self.path}: exported for x{self.config.scale}, not x{scale}: leave the scale out")

    def require(self, precision: str, closed: bool) -> None:
        """Refuses what was decided otherwise when the file was written.

        Raises:
            ConfigError: another precision, but for "auto", or other borders.
        """
        exported, border = self.exported, "closed" if self.exported.closed else "cyclic"
        if precision not in ("auto", exported.precision):
            raise ConfigError(
                f"{self.path}: exported in {exported.precision}, not {precision}: leave --precision out, or export it "
                f"with --precision {precision}"
            )
        if closed != exported.closed:
            raise ConfigError(
                f"{self.path}: exported with {border} borders: give --border {border}, or export it with the other"
            )

    def _run(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        batch, colors, height, width = x.shape
        try:
            result = self._infer(x)
        except Exception as error:  # the exceptions of ONNX Runtime have no base of their own
            if any(words in str(error).lower() for words in ("alloc", "out of memory")):
                raise MemoryError(f"{self.path}: {one_line(error)}") from error
            raise DeviceError(f"{self.path}: failed on {width}x{height} pixels ({one_line(error)})") from error
        expected = batch, colors, height * self.config.scale, width * self.config.scale
        if result.shape != expected:
            raise DeviceError(f"{self.path}: gives {result.shape} where {expected} was expected: export it again")
        return result

    def _extent(self, height: int, width: int) -> tuple[int, int]:
        rows, columns = self.exported.extent(height, width)
        if height > rows or width > columns:
            raise PictureError(
                f"a tile of {width}x{height} pixels: {self.path} was exported for {columns}x{rows}: take smaller tiles "
                "(--tile), or export it without --size"
            )
        return rows, columns


def _onnx_device(device: str) -> torch.device:
    there = _imported("onnxruntime", "onnx").get_available_providers()
    picked = torch.device(pick_device(device))
    if picked.type == "cpu" or (picked.type == "cuda" and "CUDAExecutionProvider" in there):
        return picked
    if device == "auto":
        return torch.device("cpu")
    raise DeviceError(f"device {device!r}: this ONNX Runtime has {', '.join(there)}: use --device cpu")


def _openvino_device(device: str) -> torch.device:
    if device not in ("auto", "cpu"):
        raise DeviceError(f"device {device!r}: OpenVINO runs on the CPU here: use --device cpu")
    return torch.device("cpu")


def _open_onnx(path: Path, device: torch.device) -> tuple[Exported, Infer]:
    runtime = _imported("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised; it need not be printed too
    options.intra_op_num_threads = cpu_threads()
    cuda: Any = ("CUDAExecutionProvider", {"device_id": str(device.index or 0)})
    try:
        session = runtime.InferenceSession(
            str(path), options, providers=[cuda] if device.type == "cuda" else ["CPUExecutionProvider"]
        )
    except Exception as error:
        raise WeightsError(f"not read by ONNX Runtime ({one_line(error)}): export it again") from error
    if device.type == "cuda" and "CUDAExecutionProvider" not in session.get_providers():
        raise DeviceError(f"device {device}: ONNX Runtime cannot start CUDA there: use --device cpu")
    exported = Exported.from_metadata(session.get_modelmeta().custom_metadata_map)
    return exported, lambda x: session.run(["sr"], {"lr": x})[0]


def _open_openvino(path: Path, device: torch.device) -> tuple[Exported, Infer]:
    openvino = _imported("openvino", "openvino")
    try:
        core = openvino.Core()
        model = core.read_model(path)
        exported = Exported.from_metadata({KEY: model.get_rt_info(KEY).astype(str)} if model.has_rt_info(KEY) else {})
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if exported.precision == "bf16" else "f32",
            "INFERENCE_NUM_THREADS": cpu_threads(),
        }
        compiled = core.compile_model(model, device.type.upper(), settings)
    except RuntimeError as error:
        raise WeightsError(f"not read by OpenVINO ({one_line(error)}): export it again") from error
    return exported, lambda x: compiled(x)[0].copy()


_OPENERS: dict[str, tuple[Callable[[str], torch.device], Callable[[Path, torch.device], tuple[Exported, Infer]]]] = {
    "onnx": (_onnx_device, _open_onnx),
    "openvino": (_openvino_device, _open_openvino),
}


def _imported(module: str, engine: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"the engine {engine} needs {module}: pip install '.[export]' in elansr's folder"
        ) from error


def _example(engine: str) -> str:
    return "model.onnx" if engine == "onnx" else "model.xml"
