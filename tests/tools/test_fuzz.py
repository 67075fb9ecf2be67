"""The fuzz script: it sees what it is for, and a small sample of it finds nothing."""

import os
import random
import time

from elansr.errors import PictureError
from tools.fuzz import damaged, findings, kills

SEED = 1


def broken(number: int, seed: int) -> None:
    """A case with every fault that there is, by its number."""
    if number == 1:
        os.abort()
    if number == 2:
        raise ValueError("in two\nlines")
    if number == 3:
        os.write(2, b"GLib-CRITICAL: something")
    if number == 4:
        raise PictureError("in two\nlines")
    if number == 5:
        time.sleep(30)
    if number == 6:
        raise PictureError("one line")


def test_every_fault_is_found_and_the_rest_goes_on() -> None:
    found = list(findings("tests.tools.test_fuzz:broken", 8, SEED, patience=5))
    assert [int(line.split()[1]) for line in found] == [1, 2, 3, 4, 5]
    for line, word in zip(found, ("died", "ValueError", "GLib", "not one line", "hangs"), strict=True):
        assert word in line
        assert "\n" not in line


def test_damage_is_the_same_for_the_same_number() -> None:
    data = bytes(range(256)) * 4
    first, again, other = (damaged(data, random.Random(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first not in (data, other)


def test_a_sample_of_pictures() -> None:
    assert list(findings("tools.fuzz:picture", 80, SEED)) == []


def test_a_sample_of_weights() -> None:
    assert list(findings("tools.fuzz:weights", 40, SEED)) == []


def test_a_sample_of_kills() -> None:
    assert list(kills(1, SEED)) == []
