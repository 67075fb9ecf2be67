"""Damaged files and kills, a nightly's worth: nothing may end in a traceback, a crash, a hang or half a result.

    python -m tools.fuzz                                           # 9000 pictures, 1400 weights files, 60 kills
    python -m tools.fuzz --pictures 100 --weights 50 --kills 2 --seed 7

Each damaged file is made from its number and the seed, so that a finding can be made again. It is read in a process of
its own kind: one that dies or hangs is a finding, and the next goes on behind it. Good are a result, and an error of
ours in one line; anything else, and any text on stderr past it, is a finding. Ends with exit code 1 if there was one.
"""

import argparse
import importlib
import io
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from elansr.errors import ElansrError

PICTURES, WEIGHTS, KILLS = 9000, 1400, 60
MOST_PIXELS = 2**22
PATIENCE = 120.0
"""Seconds after which a file counts as one that is read for ever."""
EXTREME = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\x80", b"\x01\0\0\0", b"\xff\xff\xff\x7f")

Case = Callable[[int, int], object]
"""Does something with the file of a number and a seed."""


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The bytes with one to four faults as disks, downloads and editors make them."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at, length = rng.randrange(len(made) or 1), rng.choice((1, 2, 4, 16, 256))
        kind = rng.choice(("flip", "cut", "delete", "repeat", "extreme", "noise"))
        if kind == "flip" and made:
            made[at] ^= 1 << rng.randrange(8)
        elif kind == "cut":
            del made[at:]
        elif kind == "delete":
            del made[at : at + length]
        elif kind == "repeat":
            made[at:at] = made[at : at + length]
        elif kind == "extreme":
            made[at : at + 4] = rng.choice(EXTREME)
        else:
            made[at : at + length] = rng.randbytes(length)
    return bytes(made)


@cache
def whole_pictures() -> tuple[bytes, ...]:
    """Small pictures in every format that is read, as Pillow writes them."""
    y, x = np.mgrid[0:48, 0:64]
    image = Image.fromarray(np.stack([x * 4, y * 5, (x * y) % 256], -1).astype(np.uint8))
    masked, exif = image.copy(), Image.Exif()
    masked.putalpha(128)
    exif[0x0112], exif[0x013B] = 6, "A. Painter"
    found = []

    def save(kind: str, picture: Image.Image = image, **options: Any) -> None:
        file = io.BytesIO()
        picture.save(file, kind, **options)
        found.append(file.getvalue())

    film: dict[str, Any] = {"save_all": True, "append_images": [image.rotate(90)], "duration": 40}
    save("JPEG", exif=exif.tobytes())
    save("JPEG", progressive=True)
    save("JPEG", image.convert("CMYK"))
    save("PNG", exif=exif.tobytes())
    save("PNG", masked.quantize(100))
    save("WEBP", masked)
    save("WEBP", lossless=True)
    save("WEBP", **film)
    save("TIFF", exif=exif)
    save("TIFF", compression="tiff_adobe_deflate")
    save("TIFF", compression="jpeg", save_all=True, append_images=[image])
    save("BMP")
    save("BMP", image.quantize(100))
    save("GIF", **film)
    save("AVIF", masked, speed=10)
    try:
        import pillow_heif
    except ImportError:
        return tuple(found)
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file)
    return (*found, file.getvalue())


def picture(number: int, seed: int) -> object:
    """Reads a damaged picture, and writes what it could read."""
    from elansr.images import encode, read

    rng = random.Random(f"picture {seed} {number}")
    found = read(damaged(rng.choice(whole_pictures()), rng), max_pixels=MOST_PIXELS)
    return encode(found, "tiff" if len(found.pages) > 1 else rng.choice(("png", "jpeg", "webp")))


@cache
def whole_weights() -> tuple[tuple[str, bytes], ...]:
    """A tiny network as a weights file of ours and of other programs: extensions and contents."""
    from elansr.nn.config import ELANConfig
    from elansr.nn.elan import ELAN
    from elansr.weights.contents import Contents
    from elansr.weights.foreign import write_foreign
    from elansr.weights.provenance import Provenance
    from elansr.weights.weights_file import save

    network = ELAN(ELANConfig(scale=2, channels=6, blocks=2, n_share=1))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("a.safetensors", "b.pth", "c.pt", "d.safetensors")]
        save(network, paths[0], Provenance(name="tiny"))
        contents = Contents.of(network)
        write_foreign(contents, paths[1], "basicsr")
        write_foreign(contents, paths[2], "official")
        write_foreign(contents, paths[3], "trainner")
        return tuple((path.suffix, path.read_bytes()) for path in paths)


def weights(number: int, seed: int) -> object:
    """Reads a damaged weights file."""
    from elansr.weights.load import read_weights

    rng = random.Random(f"weights {seed} {number}")
    suffix, data = rng.choice(whole_weights())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"w{suffix}")
        path.write_bytes(damaged(data, rng))
        return read_weights(path)


def judge(case: Case, number: int, seed: int, written: Callable[[], str]) -> str:
    """What is wrong with a case in one line; "" if nothing is. `written` is what came on stderr."""
    try:
        case(number, seed)
    except ElansrError as error:
        if "\n" in str(error) or not str(error):
            return f"a message that is not one line: {str(error)!r:.200}"
    except MemoryError:
        return "out of memory"
    except Exception as error:  # noqa: BLE001 - which is what is looked for
        return f"{type(error).__name__}: {error}".replace("\n", " ")[:300]
    text = written()
    return f"on stderr: {text!r:.300}" if text else ""


def child(name: str, start: int, stop: int, seed: int) -> None:
    """Judges the cases of some numbers; says on stdout which one is begun and what was found."""
    module, _, function = name.partition(":")
    case: Case = getattr(importlib.import_module(module), function)
    with tempfile.TemporaryFile() as errors:
        os.dup2(errors.fileno(), 2)

        def written() -> str:
            errors.seek(0)
            text = errors.read().decode(errors="replace").strip()
            errors.seek(0)
            errors.truncate()
            return text

        for number in range(start, stop):
            print(f"begin {number}", flush=True)  # noqa: T201 - to the parent
            if problem := judge(case, number, seed, written):
                print(f"found {problem}", flush=True)  # noqa: T201


def findings(name: str, count: int, seed: int, patience: float = PATIENCE) -> Iterator[str]:
    """What is wrong with `count` cases, each in a line that starts with its number.

    Args:
        name: of a `Case`: "tools.fuzz:picture".
        patience: seconds for one case.
    """
    start = 0
    while start < count:
        number = start
        arguments = ["--child", name, str(start), str(count), "--seed", str(seed)]
        command = [sys.executable, "-m", "tools.fuzz", *arguments]
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,
            Watchdog(process, patience) as dog,
        ):
            assert process.stdout is not None
            for line in process.stdout:
                kind, _, text = line.rstrip("\n").partition(" ")
                if kind == "begin":
                    number = int(text)
                    dog.pat()
                elif kind == "found":
                    yield f"{name} {number} (seed {seed}): {text}"
        if process.returncode == 0:
            return
        what = "hangs" if dog.barked else f"the process died ({process.returncode})"
        yield f"{name} {number} (seed {seed}): {what}"
        start = number + 1


class Watchdog:
    """Kills a process from which nothing is heard for some seconds."""

    def __init__(self, process: "subprocess.Popen[str]", seconds: float) -> None:
        self._process, self._seconds, self.barked = process, seconds, False
        self._timer = threading.Timer(seconds, self._bark)

    def __enter__(self) -> "Watchdog":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def pat(self) -> None:
        """Starts the seconds anew."""
        self._timer.cancel()
        self._timer = threading.Timer(self._seconds, self._bark)
        self._timer.start()

    def _bark(self) -> None:
        self.barked = True
        self._process.kill()


def kills(count: int, seed: int) -> Iterator[str]:
    """What is wrong after killing `elansr upscale` at random moments: half a result, or one that a later run lacks."""
    from elansr.images import Picture, write

    rng, files = random.Random(f"kills {seed}"), 24
    with tempfile.TemporaryDirectory() as temporary:
        folder, out = Path(temporary, "in"), Path(temporary, "out")
        folder.mkdir()
        for number in range(files):
            page = np.random.default_rng(number).integers(0, 256, (40, 60, 3), np.uint8)
            write(Picture((page,)), folder / f"{number:02}.png")
        suffix, data = whole_weights()[0]
        Path(temporary, f"w{suffix}").write_bytes(data)
        model = ["-n", f"{temporary}/w{suffix}", "-o"]
        command = [sys.executable, "-m", "elansr", "upscale", str(folder), *model]
        started = time.monotonic()
        subprocess.run([*command, f"{temporary}/all"], check=True, stderr=subprocess.DEVNULL)
        takes = time.monotonic() - started
        for number in range(count):
            process = subprocess.Popen([*command, str(out)], stderr=subprocess.DEVNULL)
            time.sleep(rng.uniform(0.2, 1) * takes)
            process.send_signal(rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)))
            process.wait()
            for path in out.glob("[!.]*"):
                if path.read_bytes() != (Path(temporary, "all") / path.name).read_bytes():
                    yield f"kill {number} (seed {seed}): {path.name} is not the whole result"
            if len(list(out.glob("[!.]*"))) == files:
                for path in out.glob("[!.]*"):
                    path.unlink()
        subprocess.run([*command, str(out)], stderr=subprocess.DEVNULL)
        for path in sorted(Path(temporary, "all").iterdir()):
            if not (out / path.name).is_file() or (out / path.name).read_bytes() != path.read_bytes():
                yield f"kills (seed {seed}): the last run lacks {path.name}, or made another"


def main(arguments: list[str] | None = None) -> int:
    """Runs everything and prints the findings; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--weights", type=int, default=WEIGHTS)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=int(time.strftime("%Y%m%d")))
    parser.add_argument("--child", nargs=3, metavar=("CASE", "START", "STOP"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.child:
        child(given.child[0], int(given.child[1]), int(given.child[2]), given.seed)
        return 0
    count = 0
    for found in (
        findings("tools.fuzz:picture", given.pictures, given.seed),
        findings("tools.fuzz:weights", given.weights, given.seed),
        kills(given.kills, given.seed),
    ):
        for line in found:
            count += 1
            print(line, flush=True)  # noqa: T201
    print(  # noqa: T201
        f"{given.pictures} pictures, {given.weights} weights files, {given.kills} kills, seed {given.seed}: "
        f"{count} findings"
    )
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
