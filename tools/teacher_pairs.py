"""Makes training pairs with a teacher: degraded LR and the teacher's outputs (docs/training-advanced.md).

    python -m tools.teacher_pairs data/train -o pairs

Every picture gives `--copies` inputs, degraded at random (blur, another size, noise, JPEG, WebP; the ranges are
`KINDS`), and with the probability `--native` one more that is cut out of it as it is. The answers are those of
`tools.teacher`; with `--own-answers` they are the pictures themselves, for drawings and text that were drawn large: a
teacher garbles small letters. Each pair is drawn from the seed, the picture's name and the copy's number alone, so a
stopped run goes on with the same pairs, and several processes share the work (`--part 1/2`, `--part 2/2`).
"""

import hashlib
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from PIL import Image

from elansr.benchmark.networks.rrdb import SCALE
from elansr.errors import ElansrError
from elansr.evaluation import RGB, read_rgb
from elansr.memory import keep_freed_memory
from elansr.training.data import find_pictures
from elansr.training.degradation import DegradationRecipe, degrade
from tools.teacher import Teacher, match_colour, weights_file

SIDE = 120
"""Of an input in pixels."""
MILD = DegradationRecipe(clean_probability=0.1, noise_sigma=(0.5, 10), shot_sigma=(0.5, 10), jpeg_quality=(40, 95))
WIDE = DegradationRecipe(
    clean_probability=0.0,
    blur_sigma=(0.1, 2.0),
    resize_side=(0.6, 2.5),
    noise_sigma=(0.5, 10),
    shot_sigma=(0.5, 10),
    jpeg_quality=(25, 90),
)
TWICE = DegradationRecipe(
    clean_probability=0.0,
    rounds=2,
    blur_probability=0.4,
    resize_probability=0.4,
    noise_probability=0.3,
    noise_sigma=(0.5, 8),
    shot_sigma=(0.5, 8),
    jpeg_quality=(30, 95),
)
DRAWN = DegradationRecipe(
    clean_probability=0.4,
    blur_sigma=(0.1, 0.6),
    blur_probability=0.3,
    noise_probability=0.2,
    noise_sigma=(0.5, 5),
    shot_sigma=(0.5, 5),
    jpeg_quality=(50, 95),
)
"""Of drawings: saved without loss, or as a JPEG of a screenshot or a scan."""
KINDS = ((MILD, 0.5), (WIDE, 0.3), (TWICE, 0.2))
"""Degradations and how often each is drawn."""
SHRINKS = ((4, 0.5), (3, 0.25), (2, 0.25))
"""By which factor the picture shrinks on its way to the input, and how often."""
WEBP_PROBABILITY, WEBP_QUALITY = 0.15, (30, 95)
BAD_INPUT = 2


@dataclass(frozen=True)
class Job:
    """One pair: the picture and the copy's number; number -1 is the crop that is not degraded."""

    picture: Path
    copy: int

    @property
    def name(self) -> str:
        """The stem of both files."""
        return f"{self.picture.stem}_{'native' if self.copy < 0 else self.copy}"

    def random(self, seed: int) -> np.random.Generator:
        """Its own, whatever the other jobs are."""
        digest = hashlib.sha256(f"{seed} {self.name}".encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def jobs(pictures: list[Path], copies: int, native: float, seed: int) -> Iterator[Job]:
    """All pairs: first every picture's first copy, then every picture's second, so that a short run has seen all."""
    for picture in pictures:
        extra = Job(picture, -1)
        if extra.random(seed).random() < native:
            yield extra
    for copy in range(copies):
        for picture in pictures:
            yield Job(picture, copy)


def make_drawn_pair(job: Job, seed: int) -> tuple[RGB, RGB]:
    """A drawing shrunk and degraded, and the drawing: uint8 (h, w, 3) and (4 * h, 4 * w, 3), h and w at most SIDE."""
    random = job.random(seed)
    drawing = read_rgb(job.picture)
    hr = _cut(drawing, min(SIDE, min(drawing.shape[:2]) // SCALE) * SCALE, random)
    return _degraded(hr, SCALE, DRAWN, random), hr


def make_input(job: Job, seed: int) -> RGB:
    """The pupil's and the teacher's input, uint8 (SIDE, SIDE, 3) or smaller where the picture is."""
    random = job.random(seed)
    random.random()  # that of `jobs`
    hr = read_rgb(job.picture)
    if job.copy < 0:
        return _cut(hr, SIDE, random)
    shrink = int(random.choice([s for s, _ in SHRINKS], p=[p for _, p in SHRINKS]))
    kind = KINDS[int(random.choice(len(KINDS), p=[p for _, p in KINDS]))][0]
    side = min(SIDE, min(hr.shape[:2]) // shrink) * shrink
    picture = _degraded(_cut(hr, side, random), shrink, kind, random)
    if random.random() < WEBP_PROBABILITY:
        picture = _through_webp(picture, int(random.integers(WEBP_QUALITY[0], WEBP_QUALITY[1] + 1)))
    return picture


def _degraded(hr: RGB, shrink: int, kind: DegradationRecipe, random: np.random.Generator) -> RGB:
    x = torch.from_numpy(hr).permute(2, 0, 1).unsqueeze(0).float() / 255
    lr = degrade(x, shrink, kind, torch.Generator().manual_seed(int(random.integers(2**62))))
    picture: RGB = lr[0].mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()
    return picture


def _cut(picture: RGB, side: int, random: np.random.Generator) -> RGB:
    top, left = (int(random.integers(size - side + 1)) for size in picture.shape[:2])
    return np.ascontiguousarray(picture[top : top + side, left : left + side])


def _through_webp(picture: RGB, quality: int) -> RGB:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "WEBP", quality=quality)
    return np.array(Image.open(file).convert("RGB"))


def save(picture: RGB, path: Path) -> None:
    """Lossless WebP, put in place in one move."""
    beside = path.with_name(path.name + ".partial")
    Image.fromarray(picture).save(beside, "WEBP", lossless=True, quality=20, method=2)
    beside.replace(path)


def main(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Pictures, searched recursively.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folders lr and hr are made in here.")],
    copies: Annotated[int, typer.Option(min=0, help="Degraded inputs of each picture.")] = 2,
    native: Annotated[
        float, typer.Option(min=0, max=1, help="Share of pictures of which a crop goes in as it is.")
    ] = 0.3,
    own_answers: Annotated[bool, typer.Option(help="Answer with the pictures themselves; asks no teacher.")] = False,
    seed: Annotated[int, typer.Option(help="Another one draws other inputs.")] = 0,
    part: Annotated[str, typer.Option(metavar="I/N", help="Make only each N-th pair.")] = "1/1",
    threads: Annotated[int, typer.Option(min=1)] = 1,
    model: Annotated[Path | None, typer.Option(help="ncnn's file of the teacher, if not that of the package.")] = None,
) -> None:
    """Write the pairs."""
    keep_freed_memory()
    torch.set_num_threads(threads)
    index, parts = (int(number) for number in part.split("/"))
    teacher = None if own_answers else Teacher(model or weights_file())
    wanted = list(jobs(find_pictures(folders), copies, 0 if own_answers else native, seed))[index - 1 :: parts]
    for folder in ("lr", "hr"):
        (output / folder).mkdir(parents=True, exist_ok=True)
    started, made = time.monotonic(), 0
    for number, job in enumerate(wanted, start=1):
        lr_path, hr_path = (output / folder / f"{job.name}.webp" for folder in ("lr", "hr"))
        if lr_path.exists() and hr_path.exists():
            continue
        if teacher:
            lr = make_input(job, seed)
            hr = match_colour(teacher(lr), lr)
        else:
            lr, hr = make_drawn_pair(job, seed)
        save(hr, hr_path)
        save(lr, lr_path)
        made += 1
        if made % 20 == 0 or number == len(wanted):
            typer.echo(f"{number} of {len(wanted)} pairs, {(time.monotonic() - started) / made:.2f} s each", err=True)


if __name__ == "__main__":
    try:
        typer.run(main)
    except ElansrError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(BAD_INPUT) from error
