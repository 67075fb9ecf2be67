"""The example script that shows a picture before and after."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elansr.images import Picture, imresize, read, write

SCRIPT = Path(__file__).parents[2] / "examples" / "before_after.py"


@pytest.mark.parametrize(("height", "width", "channels"), [(12, 20, 3), (300, 500, 1), (1, 1, 4), (5, 700, 2)])
def test_before_and_after(
    height: int, width: int, channels: int, photo: Callable[..., Path], tmp_path: Path, environment: dict[str, str]
) -> None:
    before = read(photo("a.png", height, width, channels)).pixels
    after = imresize(before, 2 * height, 2 * width)
    write(Picture((after,)), tmp_path / "b.png")
    names = [str(tmp_path / name) for name in ("a.png", "b.png", "c.png")]
    subprocess.run([sys.executable, str(SCRIPT), *names], env=environment, check=True, timeout=60)
    shown = read(names[2]).pixels
    panel = (shown.shape[1] - 4) // 2
    assert shown.dtype == np.uint8
    assert panel <= 800
    if (channels, 2 * width) == (3, panel):
        np.testing.assert_array_equal(shown[: 2 * height, :panel], after)
    if channels in (1, 3):
        np.testing.assert_array_equal(shown[:, :panel], shown[:, panel + 4 :])
    assert (shown[:, panel : panel + 4] == 255).all()
