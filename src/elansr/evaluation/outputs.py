"""What an evaluation writes: SR pictures, a CSV file, an HTML report; checked before the run begins."""

import csv
import io
import math
import os
from collections.abc import Sequence
from pathlib import Path

from elansr.disk import write_atomically, writing_errors
from elansr.errors import ConfigError, PictureError
from elansr.evaluation.datasets import RGB, BenchmarkSet
from elansr.evaluation.models import Model
from elansr.evaluation.report_page import ReportPage
from elansr.evaluation.scoring import Evaluation, FilePath, Protocol, Score, ScoredPicture, SetScores, measures
from elansr.images import Picture, check_place, write
from elansr.text import shown
from elansr.weights.released import SUFFIXES

CSV_NAMES = {"psnr": "psnr_y", "ssim": "ssim_y"}
"""Of the measures that CSV calls otherwise."""


class Outputs:
    """Where the results of an evaluation go, see `evaluate` for the arguments.

    Raises:
        OutputExistsError: a file that exists and `overwrite` is off.
        ConfigError: a choice of outputs that cannot be.
        PictureError: a folder that is not there or may not be written to.
    """

    def __init__(
        self,
        save: FilePath | None,
        csv: FilePath | None,
        html: FilePath | None,
        overwrite: bool,
        models: Sequence[Model],
        sets: Sequence[BenchmarkSet],
        protocol: Protocol,
    ) -> None:
        self._csv, self._html = (None if path is None else Path(path) for path in (csv, html))
        self._overwrite = overwrite
        self._require_free_files()
        self._report = None if html is None else _report(models, sets, protocol)
        self._folders = {} if save is None else _folders(Path(save), models)
        if save is not None:
            parents = (Path(save), *Path(save).absolute().parents)
            _require_writable(next(path for path in parents if os.path.lexists(path)), Path(save))
            self._require_free_pictures(sets)

    def add(self, model: Model, picture: ScoredPicture) -> None:
        """Saves and reports one picture."""
        if self._folders:
            self._save(self._folders[model.name] / picture.set_name, picture.name, picture.sr)
        if self._report is not None:
            self._report.add(model.name, picture)

    def write(self, evaluation: Evaluation) -> None:
        """Writes the CSV file and the report."""
        if self._csv is not None:
            with writing_errors(self._csv, PictureError):
                text = as_csv(evaluation).encode("utf-8", "surrogateescape")
                write_atomically(self._csv, text, overwrite=self._overwrite)
        if self._html is not None and self._report is not None:
            self._report.write(self._html, self._overwrite, evaluation.scores)

    def _save(self, folder: Path, name: str, sr: RGB) -> None:
        with writing_errors(folder, PictureError):
            folder.mkdir(parents=True, exist_ok=True)
        write(Picture((sr,)), folder / f"{name}.png", overwrite=self._overwrite)

    def _require_free_files(self) -> None:
        for file in (self._csv, self._html):
            if file is not None:
                check_place(file, self._overwrite)
        if self._csv and self._html and os.path.abspath(self._csv) == os.path.abspath(self._html):
            raise ConfigError(f"{shown(self._csv)}: the same file for `csv` and `html`: choose two files")
        if self._html and self._html.suffix.lower() not in (".html", ".htm"):
            raise ConfigError(f"{shown(self._html)}: the page of `html` must end in .html")

    def _require_free_pictures(self, sets: Sequence[BenchmarkSet]) -> None:
        inputs = {os.path.realpath(path) for found in sets for path in found.inputs}
        for folder in self._folders.values():
            for found in sets:
                for name in found.names:
                    target = folder / found.name / f"{name}.png"
                    if os.path.realpath(target) in inputs:
                        raise ConfigError(
                            f"{shown(target)}: would overwrite an input: choose another folder for `save`"
                        )
                    if target.parent.is_dir():
                        check_place(target, self._overwrite)


def as_csv(evaluation: Evaluation) -> str:
    """A row "picture" for each picture, and a row "mean" for each model and set; empty where nothing was measured."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [CSV_NAMES.get(name, name) for name in measures(evaluation.scores[0])]
    writer.writerow(("model", "scale", "protocol", "set", "row", "picture", *names, "lr"))
    for scores in evaluation.scores:
        start = (scores.model, evaluation.scale, evaluation.protocol, scores.name)
        pictures = [("picture", name, score) for name, score in scores.pictures.items()]
        rows: list[tuple[str, str, Score | SetScores]] = [*pictures, ("mean", "", scores)]
        for row, name, score in rows:
            cells = ("" if math.isnan(value) else str(value) for value in measures(score).values())
            writer.writerow((*start, row, name, *cells, scores.lr_source))
    return text.getvalue()


def _report(models: Sequence[Model], sets: Sequence[BenchmarkSet], protocol: Protocol) -> ReportPage:
    if any(found.lr_source == "files, no HR" for found in sets):
        raise ConfigError("`html` needs HR: set `data`, or omit `html`")
    return ReportPage([model.name for model in models], models[0].scale, protocol)


def _folders(save: Path, models: Sequence[Model]) -> dict[str, Path]:
    """The folder of each model's pictures, by the model's name; of a weights file the file's name names it."""
    if len(models) == 1:
        return {models[0].name: save}
    paths = {model.name: Path(model.name) for model in models}
    folders = {
        name: save / (path.stem if path.suffix.lower() in SUFFIXES else path.name) for name, path in paths.items()
    }
    if len(set(folders.values())) < len(folders):
        raise ConfigError(f"two models would write to {shown(folders[models[0].name])}: evaluate them one by one")
    return folders


def _require_writable(folder: Path, target: Path) -> None:
    if not folder.is_dir():
        raise PictureError(f"{shown(target)}: {shown(folder)} is not a folder; choose another one")
    if not os.access(folder, os.W_OK):
        raise PictureError(f"{shown(target)}: no permission to write to {shown(folder)}; choose another folder")
