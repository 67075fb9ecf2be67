"""`elansr compare` as a user runs it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elansr.images import read
from elansr.upscaling.upscaler import load
from tests.command_line import Ended
from tests.evaluation.parsed import Page, picture


def test_models_on_a_photo_make_a_page(
    call: Callable[..., Ended], photo: Callable[..., Path], weights: dict[int, Path], tmp_path: Path
) -> None:
    lr, page = photo("lr.png", 24, 30), tmp_path / "page.html"
    ended = call("compare", weights[2], "bicubic", "--on", lr, "-o", page)
    assert (ended.code, ended.stdout) == (0, "")
    assert ended.stderr == f"{page}: 2 pictures of 60x48\n"
    shown = Page(page.read_text()).all("img")
    assert [element.attributes["alt"] for element in shown] == ["tiny_x2.safetensors", "bicubic x2"]
    np.testing.assert_array_equal(picture(shown[0]), load(weights[2])(read(lr).pixels))


def test_hr_prints_psnr_and_is_the_last_column(
    call: Callable[..., Ended], photo: Callable[..., Path], weights: dict[int, Path], tmp_path: Path
) -> None:
    hr, page = photo("hr.png", 50, 62), tmp_path / "page.html"
    ended = call("compare", "bicubic", weights[3], "--on", hr, "--hr", "-o", page)
    assert ended.code == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["bicubic x3", "tiny_x3.safetensors"]
    assert all(line.endswith(" dB PSNR-Y, border of 3") for line in lines)
    shown = Page(page.read_text())
    np.testing.assert_array_equal(picture(shown.all("img")[-1]), read(hr).pixels[:48, :60])
    for line, caption in zip(lines, shown.all("figcaption"), strict=False):
        assert f"{float(line.split()[-6]):.2f} dB" in caption.text


def test_files_make_a_contact_sheet(call: Callable[..., Ended], photo: Callable[..., Path], tmp_path: Path) -> None:
    a, b, output = photo("a.png", 40, 60), photo("b.png", 20, 30), tmp_path / "sheet.png"
    ended = call("compare", a, b, "-o", output, "--crop", "0,0,10,10", "--crop", "5,6,20,10")
    assert ended.code == 0, ended.stderr
    assert "2 pictures of 60x40; b.png enlarged x2 with bicubic" in ended.stderr
    assert read(output).pixels.shape[2] == 3


def test_what_exists_is_replaced_only_when_asked(
    call: Callable[..., Ended], photo: Callable[..., Path], tmp_path: Path
) -> None:
    a = photo("a.png", 40, 60)
    for name in ("out.html", "out.png"):
        output = tmp_path / name
        output.write_text("mine")
        ended = call("compare", a, a, "-o", output)
        assert (ended.code, len(ended.error_lines)) == (2, 1)
        assert "--overwrite" in ended.stderr
        assert output.read_text() == "mine"
        assert call("compare", a, a, "-o", output, "--overwrite").code == 0
        assert output.read_bytes()[:4] in (b"<!do", b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.png", "a.png", "-o", "out.jpg"], "-o out.jpg: "),
        (["a.png", "a.png", "-o", "out.png", "--jpeg", "90"], "--jpeg"),
        (["a.png", "a.png", "-o", "no/out.html"], "no/out.html: "),
        (["a.png", "b.png", "-o", "./a.png", "--overwrite"], "-o a.png: "),
        (["a.png", "a.png", "-o", "out.html", "--crop", "1,2,3"], "crop '1,2,3': must be X,Y,W,H"),
        (["a.png", "a.png", "-o", "out.html", "--crop", "0,0,61,5"], "crop 0,0,61,5: "),
        (["a.png", "elan-light-x4", "-o", "out.html"], "--on"),
        (["a.png", "a.png", "-o", "out.html", "--max-pixels", "100"], "--max-pixels"),
        (["bicubic", "bicubic", "--on", "a.png", "-s", "0", "-o", "out.html"], "scale 0: must be from 1 to 8"),
        (["elan-light-x4", "bicubic", "--on", "a.png", "--device", "abacus", "-o", "out.html"], "unknown device"),
    ],
)
def test_mistakes_end_with_one_line_and_code_2(
    arguments: list[str],
    words: str,
    call: Callable[..., Ended],
    photo: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = photo("a.png", 40, 60).read_bytes()
    photo("b.png", 40, 60)
    ended = call("compare", *arguments)
    assert (ended.code, len(ended.error_lines), ended.stdout) == (2, 1, "")
    assert words in ended.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]
    assert (tmp_path / "a.png").read_bytes() == before


def test_interrupted_it_leaves_nothing(
    call: Callable[..., Ended], photo: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from elansr.evaluation import comparison_page

    def interrupt(*_: object) -> str:
        raise KeyboardInterrupt

    a = photo("a.png", 40, 60)
    monkeypatch.setattr(comparison_page, "lossless", interrupt)
    ended = call("compare", a, a, "-o", tmp_path / "out.html")
    assert (ended.code, ended.stderr) == (130, "interrupted\n")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
