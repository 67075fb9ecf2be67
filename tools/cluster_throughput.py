"""Pictures per second of `elansr batch` against one process of `elansr upscale`, on the same cores.

    python -m tools.cluster_throughput --cores 2 --pictures 24

Both commands run one after the other, `--rounds` times in turns, on pictures cut from an example photo. What starting
takes (Python, Ray, the weights) is measured on one picture and told apart: of a long run it is nothing.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from elansr.images import Picture, read, write

PHOTO = Path(__file__).resolve().parents[1] / "examples" / "otter.jpg"
SIZES = ((120, 160), (160, 200), (180, 280), (240, 320))


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--model", default="elan-light-x2")
    chosen = parser.parse_args()
    os.environ.setdefault("RAY_worker_niceness", "0")  # as `elansr upscale`; Ray gives its workers 15
    commands = {
        "elansr upscale": ["upscale", "IN", "-o", "OUT", "-n", chosen.model, "--threads", str(chosen.cores)],
        "elansr batch": ["batch", "IN", "OUT", "-n", chosen.model, "--workers", str(chosen.cores)],
    }
    with tempfile.TemporaryDirectory() as folder:
        one, all_of_them = _pictures(Path(folder, "one"), 1), _pictures(Path(folder, "all"), chosen.pictures)
        for number in range(chosen.rounds):
            for name, command in commands.items():
                start, whole = (
                    _seconds(command, source, Path(folder, f"{name}{number}")) for source in (one, all_of_them)
                )
                rate = (chosen.pictures - 1) / (whole - start)
                text = f"{whole:.1f} s for {chosen.pictures}, {start:.1f} s for one, {rate:.2f} pictures/s beyond it"
                sys.stdout.write(f"{name}: {text}\n")


def _pictures(folder: Path, count: int) -> Path:
    photo = read(PHOTO)
    folder.mkdir()
    for number in range(count):
        height, width = SIZES[number % len(SIZES)]
        page = np.roll(photo.pixels, number, axis=1)[:height, :width]
        write(Picture((page,)), folder / f"{number:03}.png")
    return folder


def _seconds(command: list[str], source: Path, output: Path) -> float:
    places = {"IN": str(source), "OUT": f"{output}-{source.name}"}
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "elansr", *(places.get(w, w) for w in command)], check=True, capture_output=True
    )
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
