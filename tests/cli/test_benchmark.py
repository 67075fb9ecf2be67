"""`elansr benchmark`: its table, its JSON, what Ctrl-C leaves, and errors in one line. Figures: tests/evaluation."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from elansr.benchmark import peak_memory, speed
from tests.command_line import Ended

Call = Callable[..., Ended]


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is measured in processes of their own, which takes seconds each."""
    monkeypatch.setattr(
        peak_memory, "peak_memory", lambda model, workload: 123_000_000 if workload.width < 20 else None
    )


def document(call: Call, *arguments: object) -> dict[str, Any]:
    ended = call("benchmark", "--json", *arguments)
    assert (ended.code, ended.stderr) == (0, "")
    loaded: dict[str, Any] = json.loads(ended.stdout)
    return loaded


def test_json_has_everything(call: Call, weights: dict[int, Path]) -> None:
    found = document(
        call, "-n", f"imdn,{weights[2]}:fp32", "-s", 2, "--size", "19x13", "--rounds", 3, "--device", "cpu"
    )
    assert set(found) == {
        "command", "machine", "scale", "lr", "sr", "device", "engine", "warm_up", "rounds", "methods", "models"
    }  # fmt: skip
    assert (found["scale"], found["device"], found["engine"]) == (2, "cpu", "auto")
    assert (found["lr"], found["sr"]) == ({"width": 19, "height": 13}, {"width": 38, "height": 26})
    assert found["rounds"] == {"planned": 3, "measured": 3}
    machine = found["machine"]
    assert {"cpu", "logical_cores", "threads", "device", "native", "torch", "elansr"} <= set(machine)
    assert (machine["threads"], machine["device"]) == (1, machine["cpu"])
    imdn, ours = found["models"]
    assert [m["name"] for m in (imdn, ours)] == ["imdn", str(weights[2])]
    assert [m["weights"] for m in (imdn, ours)] == ["random", "file"]
    assert (imdn["parameters"], imdn["precision"], imdn["times_as_fast_as_the_first"]) == (694_404, "fp32", 1)
    assert (imdn["multiply_adds_in_the_paper"], imdn["peak_memory"]) == (None, 123_000_000)
    assert 0 < ours["multiply_adds_in_the_paper"] < ours["multiply_adds"] < imdn["multiply_adds"]
    for model in (imdn, ours):
        latency = model["latency"]
        assert sorted(latency["seconds"])[1] == latency["median"]
        assert 0 < latency["lower_quartile"] <= latency["median"] <= latency["upper_quartile"]
        assert model["sr_megapixels_per_second"] == pytest.approx(38 * 26 / 1e6 / latency["median"])


def test_the_table_has_a_row_a_model_and_says_how_it_was_made(call: Call, weights: dict[int, Path]) -> None:
    ended = call("benchmark", "-n", f"{weights[4]},imdn:fp32,imdn:bf16", "--size", "20x12", "--rounds", 1)
    assert (ended.code, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert lines[0] == "x4, LR 20x12, SR 80x48, 1 round"
    head = next(i for i, line in enumerate(lines) if line.startswith("model"))
    rows = [line.split() for line in lines[head + 1 : head + 4]]
    assert [row[0] for row in rows][1:] == ["imdn:fp32", "imdn:bf16"]
    assert [(row[-2], row[-1][-1]) for row in rows] == [("-", "x")] * 3
    assert rows[0][-1] == "1.00x"
    text = " ".join(lines[head + 4 :])
    assert all(word in text for word in ("multiply-adds", "ELAN paper", "latency", "peak memory", "imdn random"))


def test_the_default_models_are_timed_once_each(call: Call) -> None:
    found = document(call, "--size", "16x16", "--rounds", 1, "--device", "cpu", "--precision", "fp32")
    labels = [f"{m['name']}:{m['precision']}" for m in found["models"]]
    assert labels == ["swinir-light:fp32", "elan-light-authors:fp32", "elan-light:fp32"]


@pytest.mark.parametrize("through", [0, 2])
def test_ctrl_c_ends_with_what_was_measured(call: Call, monkeypatch: pytest.MonkeyPatch, through: int) -> None:
    whole = speed.Stopwatch.rounds

    def interrupted(stopwatch: speed.Stopwatch, count: int) -> Iterator[tuple[float, ...]]:
        if count == 1:  # the warm-up
            yield from whole(stopwatch, count)
            return
        yield from whole(stopwatch, through)
        raise KeyboardInterrupt

    monkeypatch.setattr(speed.Stopwatch, "rounds", interrupted)
    ended = call("benchmark", "-n", "imdn", "-s", 2, "--size", "8x8", "--rounds", 9, "--json")
    assert ended.code == 130
    if through:
        assert json.loads(ended.stdout)["rounds"] == {"planned": 9, "measured": 2}
        assert ended.stderr.startswith("interrupted: 2 of 9 rounds")
    else:
        assert (ended.stdout, ended.stderr) == ("", "interrupted\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--size", "320"), "size '320': must be WIDTHxHEIGHT"),
        (("--size", "0x5"), "size '0x5': must be WIDTHxHEIGHT"),
        (("-n", "elan-lite"), "unknown model 'elan-lite': did you mean elan-light"),
        (("-n", "imdn:int8"), "unknown precision 'int8'"),
        (("-n", "swinir-light", "-s", 7), "swinir-light: scale=7: must be one of 2, 3, 4, 8"),
        (("--device", "gpu"), "unknown device 'gpu'"),
    ],
)
def test_bad_input_is_one_line(call: Call, arguments: tuple[object, ...], says: str) -> None:
    ended = call("benchmark", *arguments)
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"error: {says}")
    assert ended.stderr.count("\n") == 1
