"""What an evaluation writes: SR pictures, a CSV file, an HTML report; looked at before the run begins."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from elansr.cli.scores import Run, as_csv
from elansr.errors import ConfigError, OutputExistsError, PictureError
from elansr.evaluation.datasets import RGB, BenchmarkSet, LRFolder
from elansr.evaluation.evaluate import PROTOCOLS, Example, Protocol
from elansr.evaluation.models import Model
from elansr.images import Picture, write
from elansr.text import shown
from elansr.weights.disk import SUFFIXES, write_atomically

if TYPE_CHECKING:
    from elansr.evaluation.report import Report


class Outputs:
    """Where the results go. Everything is looked at before the run.

    Args:
        save: folder for SR pictures, SAVE/SET/PICTURE.png; of several models SAVE/MODEL/SET/PICTURE.png.
        csv: file for the scores.
        html: file for the report.
        overwrite: whether files that exist may be replaced.
        models: that will be evaluated.
        sets: on which they will be.
        protocol: for the report.

    Raises:
        OutputExistsError: a file that exists and `overwrite` is off.
        ConfigError: a choice of outputs that cannot be.
        PictureError: a folder that is not there or may not be written to.
    """

    def __init__(
        self,
        save: Path | None,
        csv: Path | None,
        html: Path | None,
        overwrite: bool,
        models: Sequence[Model],
        sets: Sequence[BenchmarkSet | LRFolder],
        protocol: Protocol,
    ) -> None:
        self._csv, self._html, self._overwrite = csv, html, overwrite
        self._require_free_files()
        self._report = None if html is None else _report(models, sets, protocol)
        self._folders = {} if save is None else _folders(save, models)
        if save is not None:
            _require_folder(next(path for path in (save, *save.absolute().parents) if os.path.lexists(path)), save)
            self._require_free_pictures(sets)

    def take(self, model: Model, example: Example) -> None:
        """Saves and reports one picture.

        Raises:
            ElansrError: a picture that cannot be written.
        """
        self.save(model, example.set_name, example.name, example.sr)
        if self._report is not None:
            self._report.add(example)

    def save(self, model: Model, set_name: str, name: str, sr: RGB) -> None:
        """Writes SR, uint8 (H, W, 3), as PNG, if pictures are wanted.

        Raises:
            OutputExistsError: the file came up during the run.
            PictureError: it cannot be written.
        """
        if not self._folders:
            return
        folder = self._folders[model.name] / set_name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PictureError(f"{shown(folder)}: cannot be made ({error.strerror}); choose another folder") from error
        write(Picture((sr,)), folder / f"{name}.png", overwrite=self._overwrite)

    def write(self, runs: Sequence[Run]) -> None:
        """Writes the CSV file and the report.

        Raises:
            ElansrError: a file that cannot be written.
        """
        if self._csv is not None:
            write_atomically(self._csv, as_csv(runs).encode("utf-8", "surrogateescape"), self._overwrite)
        if self._html is not None and self._report is not None:
            self._report.write(self._html, self._overwrite, runs[0].sets)

    def _require_free_files(self) -> None:
        for file in (self._csv, self._html):
            if file is not None:
                _require_folder(file.parent, file)
                _require_free(file, self._overwrite)
        if self._csv and self._html and os.path.abspath(self._csv) == os.path.abspath(self._html):
            raise ConfigError(f"{shown(self._csv)}: for both --csv and --html: give two files")
        if self._html and self._html.suffix.lower() not in (".html", ".htm"):
            raise ConfigError(f"{shown(self._html)}: --html writes a web page: name it .html")

    def _require_free_pictures(self, sets: Sequence[BenchmarkSet | LRFolder]) -> None:
        inputs = {os.path.realpath(path) for found in sets for path in found.inputs}
        for folder in self._folders.values():
            for found in sets:
                for name in found.names:
                    _require_free_picture(folder / found.name / f"{name}.png", inputs, self._overwrite)


def _report(models: Sequence[Model], sets: Sequence[BenchmarkSet | LRFolder], protocol: Protocol) -> "Report":
    from elansr.evaluation.report import Report

    if len(models) > 1:
        raise ConfigError("--html shows one model: give one -n, or leave --html out")
    if any(isinstance(found, LRFolder) for found in sets):
        raise ConfigError("--html shows SR beside HR: give --data, or leave --html out")
    return Report(models[0].name, models[0].scale, PROTOCOLS[protocol])


def _folders(save: Path, models: Sequence[Model]) -> dict[str, Path]:
    """The folder of each model's pictures, by the model's name."""
    if len(models) == 1:
        return {models[0].name: save}
    folders = {model.name: save / _label(model) for model in models}
    if len(set(folders.values())) < len(folders):
        raise ConfigError(f"two models would save into {shown(folders[models[0].name])}: evaluate them one by one")
    return folders


def _require_free_picture(target: Path, inputs: set[str], overwrite: bool) -> None:
    if os.path.realpath(target) in inputs:
        raise ConfigError(f"{shown(target)}: would replace a picture that is measured: give another folder to --save")
    _require_free(target, overwrite)


def _require_free(target: Path, overwrite: bool) -> None:
    if target.is_dir():
        raise PictureError(f"{shown(target)}: is a folder; name a file in it")
    if os.path.lexists(target) and not overwrite:
        raise OutputExistsError(f"{shown(target)}: the file is already there; give another name or --overwrite")


def _require_folder(folder: Path, target: Path) -> None:
    if not folder.is_dir():
        raise PictureError(f"{shown(target)}: {shown(folder)} is no folder; create it or name another place")
    if not os.access(folder, os.W_OK):
        raise PictureError(f"{shown(target)}: no permission to write to {shown(folder)}; choose another folder")


def _label(model: Model) -> str:
    """A model as part of a path: its name, of a weights file the file's name without ending."""
    path = Path(model.name)
    return path.stem if path.suffix.lower() in SUFFIXES else path.name
