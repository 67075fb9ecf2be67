"""Engines for files written by `elansr export`: ONNX Runtime and OpenVINO.

choose           which engine a name and `--engine` mean
open_exported    a file -> an engine
ExportMetadata   what a file says about itself: the metadata of an ONNX file, the `rt_info` of an OpenVINO one
"""

import hashlib
import importlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from elansr.engines.device import cpu_threads
from elansr.errors import ConfigError, DeviceError, MissingExtraError, PictureError, WeightsError
from elansr.nn.config import ELANConfig
from elansr.text import one_line
from elansr.weights.released import EXPORTED
from elansr.weights.weights_file import config_from_json, config_to_json, require_readable

EngineName = Literal["auto", "torch", "onnx", "openvino"]
ENGINE_OF_SUFFIX: dict[str, EngineName] = {".onnx": "onnx", ".xml": "openvino"}
EXAMPLE = "elan-light-x4"
"""Weights that errors name where the user named none."""
BYTES_PER_CHANNEL = 265
"""Peak bytes that a pixel of a tile takes per network channel.

Measured on ELAN-light x4, 512x512 pixels: OpenVINO 254 in fp32 and 161 in bf16, ONNX Runtime 95; at 320x192 3 % more.
"""

_CUDA = "CUDAExecutionProvider"

Infer = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Float32 (N, colors, H, W) in [0, 1] to float32 (N, colors, H * scale, W * scale)."""


def choose(model: str | os.PathLike[str], engine: str) -> EngineName:
    """The engine that runs `model`.

    Args:
        model: released name, weights file or exported file.
        engine: "auto" goes by the file extension; any other has to fit it.

    Raises:
        ConfigError: an unknown engine, or one that does not run such a file.
    """
    if engine not in get_args(EngineName):
        raise ConfigError(f"engine {engine!r}: must be {', '.join(get_args(EngineName))}")
    found = ENGINE_OF_SUFFIX.get(Path(model).suffix.lower(), "torch")
    if Path(model).suffix.lower() in EXPORTED and found == "torch":
        raise ConfigError(f"{model}: pt2 files are for other PyTorch programs: use the weights instead")
    if engine in ("auto", found):
        return found
    if found == "torch":
        named, name = ("", EXAMPLE) if model == "auto" else (f"{model}: weights, and ", model)
        raise ConfigError(
            f"{named}`engine={engine}` runs files of `elansr export`: first "
            f"`elansr export {name} --to {engine} -o {_example(engine)}`, then name {_example(engine)} as the model"
        )
    raise ConfigError(f"{model}: a file for `engine={found}`, not for {engine}: omit `engine`, or choose another file")


def open_exported(path: Path, device: str = "auto") -> "FileEngine":
    """Opens an exported model, with `cpu_threads()` threads of the CPU.

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
    try:
        found, exported, infer = _OPENERS[choose(path, "auto")](path, device)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error
    return FileEngine(path, found, exported, infer)


class FileEngine:
    """Runs an exported model on tiles of any size up to its own, see `Engine`.

    Args:
        path: the file.
        device: where it runs.
        exported: what the file says about itself.
        infer: runs it.
    """

    def __init__(self, path: Path, device: str, exported: "ExportMetadata", infer: Infer) -> None:
        self.path, self.device, self.exported, self._infer = path, device, exported, infer
        self.config, self.precision, self.size = exported.config, exported.precision, exported.size
        self.bytes_per_pixel = BYTES_PER_CHANNEL * exported.config.channels

    def __call__(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Engine`; reflected pixels at the right and the bottom make up what is missing to the model's size.

        Raises:
            PictureError: the model takes one size only, and the tile is larger.
            MemoryError: memory ran out.
            DeviceError: the run time fails.
        """
        height, width, scale = *tile.shape[-2:], self.config.scale
        rows, columns = self._extent(height, width)
        padded = np.pad(tile, ((0, 0), (0, 0), (0, rows - height), (0, columns - width)), mode="reflect")
        batch = np.ascontiguousarray(padded).reshape(-1, self.config.colors, rows, columns)
        parts = [self._run(part) for part in np.split(batch, len(batch) if self.size else 1)]
        result = np.concatenate(parts).reshape(1, -1, rows * scale, columns * scale)
        return result[..., : height * scale, : width * scale]

    def digest(self) -> str:
        """See `Engine`."""
        files = [self.path, self.path.with_suffix(".bin")] if self.path.suffix.lower() == ".xml" else [self.path]
        return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()

    def require_scale(self, scale: int | None) -> None:
        """Refuses another scale than the model's, with a WeightsError."""
        if scale not in (None, self.config.scale):
            raise WeightsError(f"{self.path}: exported for x{self.config.scale}, not x{scale}: omit the scale")

    def require(self, precision: str, closed: bool) -> None:
        """Refuses what was decided otherwise when the file was written.

        Raises:
            ConfigError: another precision, but for "auto", or other borders.
        """
        exported, border = self.exported, "closed" if self.exported.closed else "cyclic"
        if precision not in ("auto", exported.precision):
            raise ConfigError(
                f"{self.path}: exported in {exported.precision}, not {precision}: omit `precision`, or export it "
                f"with `precision={precision}`"
            )
        if closed != exported.closed:
            raise ConfigError(f"{self.path}: exported with {border} borders: use `border={border}`, or export it again")

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
            raise DeviceError(f"{self.path}: returned {result.shape} instead of {expected}: export it again")
        return result

    def _extent(self, height: int, width: int) -> tuple[int, int]:
        rows, columns = self.exported.extent(height, width)
        if height > rows or width > columns:
            raise PictureError(
                f"a tile of {width}x{height} pixels: {self.path} was exported for {columns}x{rows}: use a smaller "
                "`tile`, or export it without `size`"
            )
        return rows, columns


def _open_onnx(path: Path, device: str) -> tuple[str, "ExportMetadata", Infer]:
    runtime = _imported("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised; it need not be printed too
    options.intra_op_num_threads = cpu_threads()
    found = _onnx_device(device, runtime.get_available_providers())
    cuda: Any = (_CUDA, {"device_id": found.partition(":")[2]})
    try:
        session = runtime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"] if found == "cpu" else [cuda, "CPUExecutionProvider"]
        )
    except Exception as error:
        raise WeightsError(f"ONNX Runtime cannot read it ({one_line(error)}): export it again") from error
    if found != "cpu" and _CUDA not in session.get_providers():
        if device != "auto":
            raise DeviceError(f"device {found}: ONNX Runtime cannot start CUDA there: use `device=cpu`")
        found = "cpu"
    exported = ExportMetadata.from_metadata(session.get_modelmeta().custom_metadata_map)
    return found, exported, lambda x: session.run(["sr"], {"lr": x})[0]


def _onnx_device(device: str, providers: list[str]) -> str:
    """What a name means, "cpu" or "cuda:N", among what this ONNX Runtime has."""
    name, _, number = device.partition(":")
    if name not in ("auto", "cpu", "cuda", "mps") or (number and not (name == "cuda" and number.isdecimal())):
        raise DeviceError(f"unknown device {device!r}: must be auto, cpu, cuda or cuda:N")
    if name == "cpu" or (name == "auto" and _CUDA not in providers):
        return "cpu"
    if name == "mps" or _CUDA not in providers:
        raise DeviceError(f"device {device!r}: this ONNX Runtime has {', '.join(providers)}: use `device=cpu`")
    return f"cuda:{number or 0}"


def _open_openvino(path: Path, device: str) -> tuple[str, "ExportMetadata", Infer]:
    if device not in ("auto", "cpu"):
        raise DeviceError(f"device {device!r}: OpenVINO runs only on the CPU: use `device=cpu`")
    openvino = _imported("openvino", "openvino")
    try:
        core = openvino.Core()
        model = core.read_model(path)
        exported = ExportMetadata.from_metadata(
            {KEY: model.get_rt_info(KEY).astype(str)} if model.has_rt_info(KEY) else {}
        )
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if exported.precision == "bf16" else "f32",
            "INFERENCE_NUM_THREADS": cpu_threads(),
        }
        compiled = core.compile_model(model, "CPU", settings)
    except RuntimeError as error:
        raise WeightsError(f"OpenVINO cannot read it ({one_line(error)}): export it again") from error
    return "cpu", exported, lambda x: compiled(x)[0].copy()


_OPENERS: dict[str, Callable[[Path, str], tuple[str, "ExportMetadata", Infer]]] = {
    "onnx": _open_onnx,
    "openvino": _open_openvino,
}
"""Each takes the file and a device, and gives the device found, what the file says, and what runs it."""


def _imported(module: str, engine: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"the engine {engine} needs {module}: pip install '.[export]' in elansr's folder"
        ) from error


def _example(engine: str) -> str:
    return "model.onnx" if engine == "onnx" else "model.xml"


KEY = "elansr"
"""Under which the metadata stands, as one JSON object."""


@dataclass(frozen=True)
class ExportMetadata:
    """An exported network.

    Attributes:
        model: the weights, by released name or file name.
        config: of the network.
        closed: whether attention windows end at the border of what it is given.
        precision: "fp32", "fp16" or "bf16", of the body.
        size: height and width that it takes, in pixels, multiples of `config.multiple`; None is any such.
        licence: of the weights; "" if they do not say.
    """

    model: str
    config: ELANConfig
    closed: bool
    precision: str
    size: tuple[int, int] | None = None
    licence: str = ""

    def to_metadata(self) -> dict[str, str]:
        """Text by name, for the file."""
        values = {**self.__dict__, "config": json.loads(config_to_json(self.config))}
        return {KEY: json.dumps(values)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "ExportMetadata":
        """The inverse of `to_metadata`.

        Raises:
            WeightsError: nothing of ours is in it, or something that `to_metadata` does not write.
        """
        try:
            values = json.loads(metadata[KEY])
            config = config_from_json(json.dumps(values.pop("config")))
            values["size"] = values["size"] and tuple(values["size"])
            return _checked(cls(config=config, **values))
        except (KeyError, ValueError, TypeError, AttributeError, WeightsError) as error:
            raise WeightsError("not written by `elansr export`: export it again") from error

    def extent(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that the model is given for so many pixels: whole windows, or the one size it takes."""
        multiple = self.config.multiple
        return self.size or (-(-height // multiple) * multiple, -(-width // multiple) * multiple)


def _checked(found: ExportMetadata) -> ExportMetadata:
    """Refuses, with a ValueError, what has other types or sides than an export writes."""
    kinds: dict[str, Any] = {"model": str, "closed": bool, "precision": str, "licence": str}
    height, width = found.size or (found.config.multiple,) * 2
    whole = all(type(side) is int and side > 0 and side % found.config.multiple == 0 for side in (height, width))
    if not whole or any(type(getattr(found, name)) is not kind for name, kind in kinds.items()):
        raise ValueError(f"wrong type or size: {found}")
    return found
