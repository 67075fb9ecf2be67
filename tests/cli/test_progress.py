"""Progress bars: on a terminal a bar for each label, elsewhere lines only."""

import time

import pytest
from rich.console import Console

from elansr.cli.progress import ProgressBars


def test_off_a_terminal_lines_are_printed_and_bars_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBars() as bars:
        bars.show("steps", 1, 2)
        bars.print("step 1: [loss] 0.1")
        bars.show("steps", 2, 2)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "step 1: [loss] 0.1\n")


def test_on_a_terminal_each_label_has_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Console, "is_terminal", property(lambda console: True))
    monkeypatch.setenv("TERM", "xterm")
    with ProgressBars() as bars:
        assert capsys.readouterr().err == "", "no bar before the first step"
        bars.show("reading", 3, 7)
        bars.show("[b]", 1, 5)
    shown = capsys.readouterr().err
    assert "reading" in shown
    assert "3/7" in shown
    assert "[b]" in shown


def test_a_bar_moves_before_the_first_step_is_done(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Console, "is_terminal", property(lambda console: True))
    monkeypatch.setenv("TERM", "xterm")
    frames = set[str]()
    with ProgressBars() as bars:
        bars.show("photo.jpg", 0, 1000, percent=True)
        end = time.monotonic() + 10
        while len(frames) < 3 and time.monotonic() < end:
            time.sleep(0.15)
            frames.add(capsys.readouterr().err)
        bars.show("photo.jpg", 500, 1000, percent=True)
    assert len(frames - {""}) >= 2
    assert "50%" in capsys.readouterr().err


def test_a_long_line_is_not_wrapped(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    line = " ".join(f"word{number}" for number in range(60))
    with ProgressBars() as bars:
        bars.print(line)
    assert capsys.readouterr().err == f"{line}\n"


def test_a_process_that_does_not_speak_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBars(shown=False) as bars:
        bars.show("steps", 1, 2)
        bars.print("step 1")
    assert capsys.readouterr().err == ""
