"""`elansr.upscale`: what `elansr upscale` does, as one call."""

import inspect
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import elansr
from elansr.cli import upscale as cli
from elansr.errors import ConfigError, OutputExistsError, PictureError
from elansr.images import Picture, read, write
from elansr.nn.elan import ELAN
from elansr.upscaling import FileResult, Job, Observer, Upscaler
from elansr.weights.provenance import Provenance
from elansr.weights.weights_file import save

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def weights(small: ELAN, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save(small, path, Provenance(name="tiny"))
    return str(path)


def photo(path: Path, height: int = 12, width: int = 15) -> Path:
    path.parent.mkdir(exist_ok=True)
    write(Picture((RNG.integers(0, 256, (height, width, 3), np.uint8),)), path)
    return path


class Seen(Observer):
    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.done: list[tuple[str, int, int]] = []
        self.results: list[FileResult] = []

    def planned(self, jobs: Sequence[Job], single: bool) -> None:
        self.jobs += jobs

    def progress(self, job: Job, done: int, total: int) -> None:
        self.done.append((job.source.name, done, total))

    def finished(self, result: FileResult) -> None:
        self.results.append(result)


def test_one_file(weights: str, tmp_path: Path) -> None:
    source, target, seen = photo(tmp_path / "a.png"), tmp_path / "b.tif", Seen()
    [result] = elansr.upscale(source, target, scale=2, model=weights, device="cpu", observer=seen)
    assert (result.status, result.target, result.output_size, result.scale) == ("done", target, (30, 24), 2)
    np.testing.assert_array_equal(read(target).pixels, Upscaler(weights, device="cpu")(read(source).pixels))
    assert [job.target for job in seen.jobs] == [target]
    assert (seen.done[0], seen.done[-1]) == (("a.png", 0, 180), ("a.png", 180, 180))
    assert seen.results == [result]
    with pytest.raises(OutputExistsError):
        elansr.upscale(source, target, model=weights, device="cpu")
    assert [r.status for r in elansr.upscale(source, target, model=weights, existing="skip")] == ["skipped"]


def test_one_file_that_fails_raises(weights: str, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"not a picture")
    for name in ("bad.png", "missing.png"):
        with pytest.raises(PictureError, match=name):
            elansr.upscale(str(tmp_path / name), model=weights, device="cpu")
    with pytest.raises(ConfigError):
        elansr.upscale(tmp_path / "bad.png", model=weights, outscale=2, width=30)


def test_of_several_those_that_fail_are_among_the_results(weights: str, tmp_path: Path) -> None:
    sources = [photo(tmp_path / "in/a.png"), tmp_path / "in/b.png", photo(tmp_path / "in/c.png")]
    sources[1].write_bytes(b"not a picture")
    for inputs in (sources, tmp_path / "in", f"{tmp_path}/in/*.png"):
        results = elansr.upscale(inputs, tmp_path / "out", model=weights, device="cpu", existing="replace")
        assert [result.status for result in results] == ["done", "failed", "done"]
        assert isinstance(results[1].error, PictureError)
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a_x2.png", "c_x2.png"]
    again = elansr.upscale(tmp_path / "in", tmp_path / "out", model=weights, device="cpu")
    assert [result.status for result in again] == ["skipped", "failed", "skipped"]


def test_the_command_line_hands_on_every_option() -> None:
    ours, command = (set(inspect.signature(function).parameters) for function in (elansr.upscale, cli.upscale))
    assert ours - {"existing", "observer"} == command - {"overwrite", "skip_existing", "json", "preview"}
