"""Makes a before/after picture for every released weights file: docs/images/before_after_*.jpg.

Run it as `python -m tools.before_after`. Weights for clean pictures upscale a photo that bicubic has shrunk, and are
shown between bicubic and the original. Weights for everyday photos upscale two photos saved as JPEG of quality 75, and
are shown beside bicubic. One pixel of the picture is one pixel of the result. The file holds the sha256 of the weights
that made it, so `--check` can tell whether it is stale.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from elansr.errors import ElansrError
from elansr.evaluation import RGB, draw_text, line_height, read_rgb
from elansr.images import crop_to_multiple, downscale, imresize
from elansr.upscaling import load
from elansr.weights.released import RELEASED, ReleasedWeights
from elansr.weights.weights_file import write_file
from tools.checks import begun
from tools.pages import card_path, read

ROOT = Path(__file__).resolve().parents[1]
DISAGREEMENT, BAD_INPUT = 1, 2
CLEAN_PHOTO = "cityscape.png"
"""In examples/, whose README names sources and licences (CC0)."""
REAL_PARTS = {"otter.jpg": (20, 0), "cityscape.png": (100, 60)}
"""Photos in examples/, and the row and column of the input where the part that is shown begins."""
REAL_SIZE = (360, 480)
"""Height and width of that part, in pixels of the result."""
REAL_QUALITY = 75
FONT, BAR = 16, 4
STORED_QUALITY = 90
WAY_OUT = "run make figures"

Enlarge = Callable[[RGB], RGB]
"""LR uint8 (h, w, 3) to SR uint8 (h * scale, w * scale, 3)."""


def picture_path(root: Path, name: str) -> Path:
    """Where the picture of released weights is, in the repository `root`."""
    return root / "docs" / "images" / f"before_after_{name}.jpg"


def clean_panels(photo: RGB, row: ReleasedWeights, enlarge: Enlarge) -> dict[str, RGB]:
    """What weights for clean pictures make of a photo that was shrunk by the protocol's bicubic.

    Args:
        photo: uint8 (H, W, 3), the original; cropped to a multiple of the scale.
        row: the weights.
        enlarge: what they compute.

    Returns:
        Pictures of the size of the original by their labels.
    """
    original = crop_to_multiple(photo, row.scale)
    lr = downscale(original, row.scale)
    return {"bicubic": imresize(lr, *original.shape[:2]), row.name: enlarge(lr), "original": original}


def real_panels(photo: RGB, corner: tuple[int, int], row: ReleasedWeights, enlarge: Enlarge) -> dict[str, RGB]:
    """What weights for everyday photos make of a JPEG of quality 75: `REAL_SIZE` pixels of the result.

    Args:
        photo: uint8 (H, W, 3).
        corner: row and column of the photo where the part begins; moved up and left if it would not fit.
        row: the weights.
        enlarge: what they compute.

    Returns:
        Pictures of `REAL_SIZE` by their labels.
    """
    lr = as_jpeg(photo, REAL_QUALITY)
    height, width = (side * row.scale for side in lr.shape[:2])
    top = min(corner[0] * row.scale, height - REAL_SIZE[0])
    left = min(corner[1] * row.scale, width - REAL_SIZE[1])
    part = slice(top, top + REAL_SIZE[0]), slice(left, left + REAL_SIZE[1])
    label = f"JPEG of quality {REAL_QUALITY}, bicubic"
    return {label: imresize(lr, height, width)[part], row.name: enlarge(lr)[part]}


def as_jpeg(photo: RGB, quality: int) -> RGB:
    """A picture saved as JPEG with 4:2:0 chroma and read back."""
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Image.open(file).convert("RGB"))


def sheet(panels: Mapping[str, RGB]) -> RGB:
    """Pictures of one size side by side, each under its label, with a white bar between."""
    columns = [np.vstack([_label(text, picture.shape[1]), picture]) for text, picture in panels.items()]
    bar = np.full((len(columns[0]), BAR, 3), 255, np.uint8)
    return np.hstack([part for column in columns for part in (bar, column)][1:])


def _label(text: str, width: int) -> RGB:
    strip = np.full((line_height(FONT), width, 3), 255, np.uint8)
    ink = draw_text(text, FONT, width)
    strip[:, : ink.shape[1]] -= ink[..., None]
    return strip


def made_from(path: Path) -> str:
    """The sha256 in a picture; "" where there is no such picture."""
    try:
        with Image.open(path) as picture:
            return bytes(picture.info.get("comment", b"")).decode("ascii", "replace")
    except OSError:
        return ""


def make(root: Path, row: ReleasedWeights, enlarge: Enlarge) -> bytes:
    """The JPEG file of a row.

    Raises:
        PictureError: a photo of examples/ cannot be read.
    """
    photos = root / "examples"
    if row.degradation == "real":
        panels = [real_panels(read_rgb(photos / name), corner, row, enlarge) for name, corner in REAL_PARTS.items()]
    else:
        panels = [clean_panels(read_rgb(photos / CLEAN_PHOTO), row, enlarge)]
    file = io.BytesIO()
    Image.fromarray(np.vstack([sheet(shown) for shown in panels])).save(
        file, "JPEG", quality=STORED_QUALITY, subsampling="4:4:4", optimize=True, comment=row.sha256
    )
    return file.getvalue()


def make_all(root: Path, rows: Sequence[ReleasedWeights], using: Callable[[ReleasedWeights], Enlarge]) -> list[Path]:
    """Makes the pictures that are missing or of other weights; returns those that were written.

    Args:
        root: the repository.
        rows: the released weights.
        using: loads those of a row.

    Raises:
        ElansrError: a photo or weights that cannot be read, a picture that cannot be written.
    """
    written = []
    for row in rows:
        path = picture_path(root, row.name)
        if made_from(path) != row.sha256:
            write_file(path, make(root, row, using(row)), overwrite=True)
            written.append(path)
    return written


def problems(root: Path, rows: Sequence[ReleasedWeights]) -> list[str]:
    """What does not agree, a sentence each; nothing if all is well."""
    found = []
    for row in rows:
        path = picture_path(root, row.name)
        if made_from(path) != row.sha256:
            found.append(f"{path.name}: not made by {row.file} as released: {WAY_OUT}")
        if f"](../docs/images/{path.name})" not in read(card_path(root, row.name)):
            found.append(f"{row.name}.md: does not show ../docs/images/{path.name}")
    return found


def command(check: Annotated[bool, typer.Option("--check", help="Only compare; make nothing.")] = False) -> None:
    """Make the pictures before and after of the released weights that have changed."""
    rows = begun(ROOT, list(RELEASED.values()))
    try:
        for path in [] if check else make_all(ROOT, rows, lambda row: load(row.name, device="cpu", precision="fp32")):
            typer.echo(f"made: {path.relative_to(ROOT)}")
        found = problems(ROOT, rows)
    except ElansrError as error:
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    typer.echo("\n".join(found) or "pictures before and after, weights and cards agree", err=bool(found))
    raise typer.Exit(DISAGREEMENT if found else 0)


if __name__ == "__main__":
    typer.run(command)
