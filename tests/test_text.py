"""Values as messages show them."""

import os

import pytest

from elansr.text import count, data_size, did_you_mean, listed, one_line, reason, shown


def test_paths_are_printable() -> None:
    assert shown("my photo é.png") == "my photo é.png"
    for name in ("two\nlines.png", os.fsdecode(b"\xff.png"), "\x1b[31m.png"):
        assert shown(name).isprintable()


def test_lists_are_sorted_and_short() -> None:
    assert listed(["b", "a"]) == "'a', 'b'"
    assert listed("gfedcba") == "'a', 'b', 'c' and 4 more"
    assert listed([]) == "nothing"
    long = listed([f"/mnt/{'deep/' * 50}otter.png"])
    assert len(long) == 82
    assert long.startswith("'/mnt/deep/")
    assert long.endswith("/otter.png'")


def test_counts() -> None:
    assert [count(n, "picture") for n in (0, 1, 2)] == ["0 pictures", "1 picture", "2 pictures"]
    assert count(0.5, "pixel") == "0.5 pixels"


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "1 kB"), (1, "1 kB"), (18_700, "19 kB"), (3_249_000, "3.2 MB"), (1_460_000_000, "1.5 GB")],
)
def test_bytes(size: int, text: str) -> None:
    assert data_size(size) == text


def test_errors_are_one_line() -> None:
    assert one_line(ValueError("one\n  two")) == "one two"
    assert len(one_line(ValueError("x" * 999))) == 200
    assert one_line(ValueError()) == "ValueError"
    assert reason(OSError(28, "No space left on device", "/a/b")) == "No space left on device"
    assert reason(ValueError("odd")) == "odd"


def test_the_nearest_known_word() -> None:
    assert did_you_mean("stpes", ["steps", "batch"]) == "did you mean steps? "
    assert did_you_mean("--scael", iter(["--scale", "--suffix"])) == "did you mean --scale? "
    assert did_you_mean("xyz", ["steps"]) == did_you_mean("steps", []) == ""
