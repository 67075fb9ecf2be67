"""Measures how the time and memory of `elansr upscale` grow with picture size: `python -m tools.growth PHOTO -s 2`.

Pictures of several sizes are made from one photo, mirrored at its borders so that no line is cut, and written as
lossless TIFFs. Each goes through `elansr upscale` in a process of its own, whose reported seconds (without starting
Python) and peak memory are kept in growth.json; growth.png is the plot. Earlier measurements at that scale stay until
they are repeated, so large pictures can be measured separately (`--smallest 100`).
"""

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import pyvips
import torch
import typer
from matplotlib.figure import Figure

from elansr.benchmark.machine import machine
from elansr.errors import DataError, ElansrError

FIGURES = Path("growth.json")
PLOT = Path("growth.png")
MEGAPIXELS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
MEGA = 1e6
GIBI = 2**30
BAD_INPUT = 2


@dataclass(frozen=True)
class Cost:
    """What one run took.

    Attributes:
        megapixels: of the LR picture, in millions of pixels.
        threads: of the CPU.
        seconds: from reading the file to the written result.
        peak_bytes: the most memory that the process held, PyTorch and all libraries included.
    """

    megapixels: float
    threads: int
    seconds: float
    peak_bytes: int

    @property
    def microseconds_a_pixel(self) -> float:
        """Of the LR picture."""
        return self.seconds / self.megapixels


def write_picture(photo: Path, megapixels: float, target: Path) -> None:
    """A TIFF of about so many millions of pixels, with sides of 3 to 2."""
    height = round(math.sqrt(megapixels * MEGA / 1.5))
    width = round(1.5 * height)
    tile = pyvips.Image.new_from_file(str(photo))
    tile.embed(0, 0, width, height, extend="mirror").tiffsave(str(target), compression="lzw", bigtiff=True)


def measure(picture: Path, megapixels: float, scale: int, threads: int) -> Cost:
    """Upscales in a child process.

    Raises:
        DataError: the command fails.
    """
    target = picture.with_name("result.tif")
    words = ["elansr", "upscale", str(picture), "-o", str(target), "-s", str(scale), "--threads", str(threads)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    child = subprocess.Popen([sys.executable, "-m", *words, "--json"], stdout=subprocess.PIPE, env=environment)
    assert child.stdout
    with child.stdout as output:
        told = output.read()
    _, status, usage = os.wait4(child.pid, 0)  # tells the memory, which `Popen.wait` does not
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise DataError(f"{megapixels} megapixels: the command ended with {child.returncode}, for the reason above")
    target.unlink()
    seconds = json.loads(told)["files"][0]["seconds"]
    return Cost(megapixels, threads, seconds, usage.ru_maxrss * 1024)


def draw(costs: Sequence[Cost], target: Path) -> None:
    """Cost of a pixel and memory against the size, one line a number of threads."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    time, memory = figure.subplots(1, 2)
    for threads in sorted({cost.threads for cost in costs}):
        row = [cost for cost in costs if cost.threads == threads]
        sizes, label = [cost.megapixels for cost in row], f"{threads} thread" + "s" * (threads > 1)
        time.plot(sizes, [cost.microseconds_a_pixel for cost in row], "o-", label=label)
        memory.plot(sizes, [cost.peak_bytes / GIBI for cost in row], "o-", label=label)
    for axes, title in ((time, "microseconds a pixel of LR"), (memory, "peak memory of the process, GiB")):
        axes.set(xscale="log", xlabel="LR picture, megapixels", title=title, ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(target, dpi=100)


def main(
    photo: Annotated[Path, typer.Argument(help="What the pictures are made from.")] = Path("examples/otter.jpg"),
    scale: Annotated[int, typer.Option("-s", "--scale", help="Scale of the network.")] = 2,
    threads: Annotated[str, typer.Option("--threads", help="Numbers of threads to measure.")] = "1,2",
    smallest: Annotated[float, typer.Option("--smallest", help="Leave out smaller pictures, in megapixels.")] = 0.1,
    largest: Annotated[float, typer.Option("--largest", help="Leave out larger pictures, in megapixels.")] = 100.0,
    only_draw: Annotated[bool, typer.Option("--draw", help="Only draw what was measured before.")] = False,
) -> None:
    """Measures, keeps the figures and draws them."""
    sizes = [] if only_draw else [size for size in MEGAPIXELS if smallest <= size <= largest]
    costs = kept(FIGURES, scale)
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder, "picture.tif")
        for megapixels in sizes:
            write_picture(photo, megapixels, picture)
            for count in map(int, threads.split(",")):
                cost = measure(picture, megapixels, scale, count)
                typer.echo(cost)
                costs = merged(costs, cost)
                keep(costs, scale, FIGURES)
    draw(costs, PLOT)


def kept(figures: Path, scale: int) -> list[Cost]:
    """What was measured before at that scale."""
    if not figures.exists():
        return []
    found = json.loads(figures.read_text())
    return [Cost(**row) for row in found["costs"]] if found["scale"] == scale else []


def merged(costs: Sequence[Cost], new: Cost) -> list[Cost]:
    """In the order of sizes, with the new one instead of what was measured before."""
    others = [cost for cost in costs if (cost.megapixels, cost.threads) != (new.megapixels, new.threads)]
    return sorted([*others, new], key=lambda cost: (cost.megapixels, cost.threads))


def keep(costs: Sequence[Cost], scale: int, figures: Path) -> None:
    """Writes the figures, with the machine they are from."""
    found = {"scale": scale, "machine": asdict(machine(torch.device("cpu"))), "costs": [asdict(cost) for cost in costs]}
    figures.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    try:
        typer.run(main)
    except ElansrError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(BAD_INPUT)
