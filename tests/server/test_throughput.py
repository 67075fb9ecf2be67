"""`Throughput`: what a network of known speed takes, and how the newest pictures count."""

import time
from typing import Any

import pytest

from elansr.errors import ConfigError
from elansr.server.throughput import MEMORY, TRIAL, Throughput


def test_large_and_late_pictures_count_most() -> None:
    throughput = Throughput()
    assert throughput.seconds(10) is None
    throughput.count(2.0, 1000)
    assert throughput.seconds(500) == pytest.approx(1.0)
    throughput.count(0.1, 10)  # a thumbnail, of which opening and writing take the most
    assert throughput.seconds(1000) == pytest.approx(1000 * (2 * MEMORY + 0.1) / (1000 * MEMORY + 10))
    for _ in range(40):
        throughput.count(8.0, 1000)
    assert throughput.seconds(1000) == pytest.approx(8.0, rel=0.01)


def test_a_trial_counts_until_a_picture_is_done() -> None:
    sides: list[int] = []

    def network(picture: Any) -> Any:
        sides.append(picture.shape[0])
        time.sleep(0.05)

    throughput = Throughput()
    throughput.try_out(network)  # type: ignore[arg-type]
    assert sides == [TRIAL // 2, TRIAL]
    rough = throughput.seconds(TRIAL**2)
    assert rough is not None
    assert 0.05 <= rough < 5
    throughput.count(30.0, 10)
    assert throughput.seconds(10) == pytest.approx(30.0)


def test_a_model_that_takes_no_picture_of_that_size_has_no_figure() -> None:
    def network(picture: Any) -> Any:
        raise ConfigError("does not fit")

    throughput = Throughput()
    throughput.try_out(network)  # type: ignore[arg-type]
    assert throughput.seconds(10) is None
