"""`export`: writes a file for another runtime, runs it on a photo, and keeps it only if the result is right."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from elansr.disk import WorkFolder, move_into_place, require_free, writing_errors
from elansr.engines.exported import BYTES_PER_CHANNEL, KEY, ExportMetadata, FileEngine, open_exported
from elansr.errors import ConfigError, MissingExtraError, WeightsError
from elansr.export.archive import open_archive, write_archive
from elansr.export.parity import Parity, parity
from elansr.memory import available_memory
from elansr.nn.config import ELANConfig
from elansr.text import data_size
from elansr.weights.inference import InferenceForm
from elansr.weights.load import read_weights
from elansr.weights.released import find, is_path

Target = Literal["onnx", "openvino", "pt2"]


@dataclass(frozen=True)
class ExportResult:
    """What was written.

    Attributes:
        files: all of them, that which is named first.
    """

    files: tuple[Path, ...]
    exported: ExportMetadata
    parity: Parity

    @property
    def bytes(self) -> int:
        """Of all files together."""
        return sum(file.stat().st_size for file in self.files)


def export(
    model: str,
    path: str | os.PathLike[str] | None = None,
    to: Target = "onnx",
    *,
    scale: int | None = None,
    precision: str = "fp32",
    size: tuple[int, int] | None = None,
    closed: bool = True,
    overwrite: bool = False,
) -> ExportResult:
    """Exports weights; the file appears whole or not at all, and only if it computes what PyTorch does.

    Args:
        model: released name, family ("elan-light") or weights file.
        path: where to, ending in .onnx; in .xml for OpenVINO, which has the weights in a .bin beside it; or in .pt2.
            None is the weights' name in this folder, such as elan-light-x4.onnx.
        to: "onnx", "openvino", or "pt2", an archive of torch.export, which needs a size.
        scale: of a family; None is the weights' own.
        precision: "fp32"; "fp16": body and weights in half precision, logits and softmax in float32; "bf16" (OpenVINO):
            weights in half precision, computed in bfloat16 where the processor has it; (pt2): body in bfloat16.
        size: height and width in pixels that the file takes, multiples of the windows' least common multiple; None
            leaves them and the batch open.
        closed: whether attention windows end at the border, as `elansr upscale` has it by default.

    Raises:
        OutputExistsError: a file exists and `overwrite` is False.
        ExportError: the file computes something else.
        MissingExtraError: the extra `export` is not installed.
        ConfigError: a value that cannot be.
        WeightsError: unknown or unusable weights, or a path that cannot be written.
    """
    file_format = _format(to, precision)
    suffix = file_format.suffixes[0]
    place = Path(_name(model, scale)).with_suffix(suffix) if path is None else Path(path)
    if place.suffix.lower() != suffix:
        others = [
            f", or choose `to={name}`" for name, row in FORMATS.items() if row.suffixes[0] == place.suffix.lower()
        ]
        raise ConfigError(f"{place}: the file for {to} must end in {suffix}{''.join(others)}")
    for file in file_format.files(place):
        with writing_errors(file, WeightsError):
            require_free(file, overwrite)
    contents = read_weights(model, scale)
    _check_size(size, contents.config, to)
    form, licence = contents.inference_form(), contents.provenance.licence
    exported = ExportMetadata(_name(model, scale), contents.config, closed, precision, size, licence)
    with _Draft(place, {}) as draft, writing_errors(place, WeightsError):
        part = draft.folder / place.name
        file_format.write(form, part, exported)
        found = parity(form, file_format.open(part))
        found.require(precision)
        for file in reversed(file_format.files(part)):  # what names the others last
            move_into_place(file, place.with_name(file.name), overwrite=overwrite)
    return ExportResult(tuple(file_format.files(place)), exported, found)


def write_unchecked(form: InferenceForm, path: Path, to: str, precision: str) -> None:
    """Writes a file with open sizes and closed borders that nobody has compared with PyTorch, to be timed.

    Raises:
        ConfigError: a precision that the target does not come in.
        MissingExtraError: the extra `export` is not installed.
    """
    _format(to, precision).write(form, path, ExportMetadata(path.stem, form.config, True, precision))


def _write_onnx(form: InferenceForm, path: Path, exported: ExportMetadata) -> None:
    path.write_bytes(_onnx(form, "fp16" if exported.precision == "fp16" else "fp32", exported))


def _write_openvino(form: InferenceForm, path: Path, exported: ExportMetadata) -> None:
    try:
        import openvino
    except ImportError as error:
        raise MissingExtraError(
            "exporting to OpenVINO needs openvino: pip install '.[export]' in elansr's folder"
        ) from error
    source = path.with_suffix(".onnx")
    source.write_bytes(_onnx(form, "fp32", exported))
    converted = openvino.Core().read_model(source)  # `convert_model` would report usage to Intel
    converted.set_rt_info(exported.to_metadata()[KEY], KEY)
    openvino.save_model(converted, path, compress_to_fp16=exported.precision != "fp32")


def _onnx(form: InferenceForm, precision: Literal["fp32", "fp16"], exported: ExportMetadata) -> bytes:
    try:
        from elansr.export.onnx_elan import onnx_elan
    except ImportError as error:
        raise MissingExtraError("exporting needs onnx: pip install '.[export]' in elansr's folder") from error
    model: Any = onnx_elan(form, precision, exported.closed, exported.size, exported.to_metadata())
    return model.SerializeToString()


@dataclass(frozen=True)
class _Format:
    """What is written for a target.

    Attributes:
        suffixes: of the files, that which is named first.
    """

    suffixes: tuple[str, ...]
    precisions: tuple[str, ...]
    write: Callable[[InferenceForm, Path, ExportMetadata], None]
    open: Callable[[Path], FileEngine]

    def files(self, path: Path) -> list[Path]:
        """All files of a name."""
        return [path, *(path.with_suffix(suffix) for suffix in self.suffixes[1:])]


FORMATS: dict[str, _Format] = {
    "onnx": _Format((".onnx",), ("fp32", "fp16"), _write_onnx, lambda path: open_exported(path, "cpu")),
    "openvino": _Format(
        (".xml", ".bin"), ("fp32", "fp16", "bf16"), _write_openvino, lambda path: open_exported(path, "cpu")
    ),
    "pt2": _Format((".pt2",), ("fp32", "fp16", "bf16"), write_archive, open_archive),
}


def _format(to: str, precision: str) -> _Format:
    if to not in FORMATS:
        raise ConfigError(f"to={to!r}: must be {', '.join(FORMATS)}")
    file_format = FORMATS[to]
    if precision not in file_format.precisions:
        raise ConfigError(f"precision {precision!r}: {to} supports {', '.join(file_format.precisions)}")
    return file_format


def _check_size(size: tuple[int, int] | None, config: ELANConfig, to: str) -> None:
    if size is None:
        if to == "pt2":
            raise ConfigError("pt2 needs `size`, such as 256x256")
        return
    height, width, multiple = *size, config.multiple
    if any(side < 1 or side % multiple for side in size):
        fitting = [-(-max(side, 1) // multiple) * multiple for side in (width, height)]
        raise ConfigError(
            f"size {width}x{height}: both sides must be multiples of {multiple} pixels: {fitting[0]}x{fitting[1]} is"
        )
    needed, free = height * width * BYTES_PER_CHANNEL * config.channels, available_memory()
    if needed > free:
        raise ConfigError(
            f"size {width}x{height}: testing the file needs about {data_size(needed)} of memory, "
            f"{data_size(free)} available: use a smaller size; larger pictures are split into tiles"
        )


def _name(model: str, scale: int | None) -> str:
    return Path(model).name if is_path(model) else find(model, scale).name


class _Draft(WorkFolder):
    """A folder beside the file, on the same disk, of which nothing stays."""

    kind, error = "export", WeightsError
