"""The timing itself on functions that take known times, and the models that `elansr benchmark` knows."""

import functools
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from elansr.benchmark import timed_models as b
from elansr.benchmark.networks.imdn import IMDN
from elansr.benchmark.networks.rrdb import RRDBNet
from elansr.benchmark.peak_memory import STATUS, peak_memory
from elansr.benchmark.speed import FEWEST_ROUNDS, WARM_UP, Run, Stopwatch, Timing, explained, timings
from elansr.engines import open_engine
from elansr.errors import ConfigError, DeviceError, ElansrError, WeightsError
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.weights.load import load_network
from elansr.weights.provenance import Provenance
from elansr.weights.weights_file import save

CPU = torch.device("cpu")


class Clock:
    """A clock that stands still but for what the functions take, which sign a log."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.log = 0.0, ""
        monkeypatch.setattr("elansr.benchmark.speed.time.perf_counter", lambda: self.now)

    def function(self, name: str, *seconds: float) -> Run:
        """It takes the given times in turn."""
        runs = iter(seconds * 1000)

        def run() -> None:
            self.log += name
            self.now += next(runs)

        return run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_functions_take_turns(clock: Clock) -> None:
    stopwatch = Stopwatch([clock.function("a", 1), clock.function("b", 2), clock.function("c", 3)], CPU)
    assert clock.log == "abc" * WARM_UP
    clock.log = ""
    assert list(stopwatch.rounds(3)) == [(1, 2, 3)] * 3
    assert clock.log == "abcabcabc"


def test_median_and_quartiles_are_those_of_the_latencies(clock: Clock) -> None:
    a = clock.function("a", 9, 9, 5, 1, 4, 2, 3)  # the first two warm up
    stopwatch = Stopwatch([a, clock.function("b", 10)], CPU)
    first, second = timings(list(stopwatch.rounds(5)))
    assert first.seconds == pytest.approx((5, 1, 4, 2, 3))
    assert first.quartiles == pytest.approx((2, 3, 4))
    assert (first.median, second.median) == pytest.approx((3, 10))
    assert (first.times_as_fast, second.times_as_fast) == pytest.approx((1, 0.3))


def test_a_machine_that_drifts_does_not_decide(clock: Clock) -> None:
    """Each round is twice as slow as the one before: b takes half of a's time in every one of them."""
    drift = [2.0**i for i in range(7)]
    stopwatch = Stopwatch([clock.function("a", *drift), clock.function("b", *(t / 2 for t in drift))], CPU)
    assert timings(list(stopwatch.rounds(5)))[1].times_as_fast == pytest.approx(2)


def test_one_round_is_enough_for_a_timing() -> None:
    (timing,) = timings([(0.5,)])
    assert timing == Timing((0.5,), (0.5,))
    assert timing.quartiles == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(("seconds", "rounds"), [(100, FEWEST_ROUNDS), (3, 10), (0.001, 200)])
def test_rounds_are_enough_for_30_seconds(clock: Clock, seconds: float, rounds: int) -> None:
    assert Stopwatch([clock.function("a", seconds)], CPU).enough == rounds


def test_sleep_is_measured_as_long_as_it_is() -> None:
    stopwatch = Stopwatch([functools.partial(time.sleep, s) for s in (0.02, 0.005)], CPU)
    slow, fast = timings(list(stopwatch.rounds(5)))
    assert 0.02 <= slow.median < 0.2
    assert 0.005 <= fast.median < slow.median
    assert 1 < fast.times_as_fast <= 4


@pytest.mark.parametrize("error", [RuntimeError("expected Half\nbut got Float"), MemoryError()])
def test_what_pytorch_reports_is_one_error_that_names_the_network(error: Exception) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(DeviceError, match="^small: .*`size`") as caught:
        explained("small", fail)
    assert "\n" not in str(caught.value)


# What the names stand for.


def one(text: str, scale: int | None = None, precision: str = "auto", device: torch.device = CPU) -> b.BenchmarkModel:
    (model,) = b.benchmark_models(b.parse(text, precision), scale, device)
    return model


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ("imdn", [("imdn", "bf16")]),
        ("imdn:fp32, elan", [("imdn", "fp32"), ("elan", "bf16")]),
        ("runs/a:b/best.pth:fp16", [("runs/a:b/best.pth", "fp16")]),
        (r"C:\best.pth", [(r"C:\best.pth", "bf16")]),
        (r"C:\best.pth:fp32", [(r"C:\best.pth", "fp32")]),
    ],
)
def test_a_list_of_models_is_parsed(text: str, specs: list[tuple[str, str]]) -> None:
    assert b.parse(text, "bf16") == [b.ModelSpec(*spec) for spec in specs]


OURS = ("elan-light", "elan", "elan-light-share0", "elan-light-share2", "elan-light-share3")


@pytest.mark.parametrize("name", b.NETWORKS)
def test_every_named_network_has_its_parameters(name: str) -> None:
    own_queries = 60 * 60 + 60 + 2 * 60  # of a block that computes attention: weights, bias and BatchNorm
    parameters = {
        "elan-light": 601_488,
        "elan-light-share0": 601_488 + 12 * own_queries,
        "elan-light-share2": 601_488 - 4 * own_queries,
        "elan-light-share3": 601_488 - 6 * own_queries,
        "elan": 8_312_448,
        "swinir-light": 929_628,
        "swinir": 11_900_199,
        "edsr-baseline": 1_517_571,
        "imdn": 715_176,
        "realesrgan-x4plus": 16_697_987,
    }
    with torch.device("meta") if name == "swinir" else torch.device("cpu"):
        model = one(name)
    assert sum(p.numel() for p in model.network.parameters()) == parameters[name.removesuffix("-authors")]
    assert (model.scale, model.ours, model.network.training) == (4, name in OURS, False)
    assert model.weights == ("released" if name in ("elan-light", "elan-light-authors") else "random")


@pytest.mark.parametrize(
    ("text", "device", "precision"),
    [
        ("imdn", "cpu", "fp32"),
        ("elan-light-authors", "cuda", "fp16"),
        ("elan-light", "cuda", "fp16"),
        ("imdn:bf16", "cuda", "bf16"),
    ],
)
def test_precision(text: str, device: str, precision: str) -> None:
    assert one(text, device=torch.device(device)).precision == precision
    assert one(text.partition(":")[0], 4, "bf16", torch.device(device)).label.endswith(":bf16")


def test_scale_is_the_weights_own_or_4_or_as_asked() -> None:
    assert [one(*arguments).scale for arguments in (("imdn",), ("imdn", 3), ("elan-light-x2",))] == [4, 3, 2]


@pytest.mark.parametrize(
    ("text", "scale", "says"),
    [
        ("swinir-lihgt", None, "'swinir-lihgt': did you mean swinir-light?"),
        ("imdn:fp8", None, "'fp8'"),
        ("imdn,,elan", None, "NAME:PRECISION"),
        ("imdn:", None, "NAME:PRECISION"),
        ("edsr-baseline", 5, "edsr-baseline: scale=5: must be one of 2, 3, 4, 8"),
        ("realesrgan-x4plus", 2, "realesrgan-x4plus: scale=2: must be 4"),
        ("imdn", 9, "scale=9: must be from 1 to 8"),
        ("elan-light-x2", 3, "x3"),
        ("imdn,elan-light-x2", None, "imdn x4, elan-light-x2 x2"),
        ("nowhere/file.pth", None, "nowhere/file.pth"),
    ],
)
def test_bad_lists_are_one_error(text: str, scale: int | None, says: str) -> None:
    with pytest.raises(ElansrError) as caught:
        b.benchmark_models(b.parse(text), scale, CPU)
    assert says in str(caught.value)
    assert isinstance(caught.value, (ConfigError, DeviceError, WeightsError))


def test_files_of_ours_and_of_a_baseline(tmp_path: Path) -> None:
    network = ELAN(ELANConfig(scale=3, channels=6, blocks=2, n_share=1))
    save(network, tmp_path / "tiny.safetensors", Provenance(name="tiny", metrics={}))
    torch.save(IMDN(3).state_dict(), tmp_path / "imdn.pth")
    torch.save({"params_ema": RRDBNet(channels=6, blocks=2, growth=4).state_dict()}, tmp_path / "RealESRGAN.pth")
    ours, imdn, rrdb = (one(str(tmp_path / file)) for file in ("tiny.safetensors", "imdn.pth", "RealESRGAN.pth"))
    assert (ours.scale, ours.weights, ours.ours) == (3, "file", True)
    assert (imdn.scale, imdn.weights, imdn.ours) == (3, "file", False)
    assert (rrdb.scale, rrdb.weights, rrdb.ours, type(rrdb.network)) == (4, "file", False, RRDBNet)
    with pytest.raises(WeightsError, match="x3.*x2"):
        one(str(tmp_path / "imdn.pth"), 2)


def test_the_same_twice_is_timed_once_by_default() -> None:
    models = b.benchmark_models(b.parse("imdn,imdn:fp32,imdn:bf16"), 2, CPU)
    assert [model.label for model in b.distinct(models)] == ["imdn:fp32", "imdn:bf16"]


# What runs.


def output(text: str, width: int = 20, height: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    """The LR and SR of a network."""
    sr = b.timed_forward(one(text), b.Workload(CPU, width, height))()
    assert isinstance(sr, torch.Tensor)
    assert not sr.requires_grad
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(b.SEED)), sr


def test_ours_is_what_upscale_runs() -> None:
    lr, sr = output("elan-light-x2:fp32")
    np.testing.assert_array_equal(sr, open_engine("elan-light-x2", device="cpu", precision="fp32")(lr.numpy()))
    assert sr.shape == (1, 3, 24, 40)


def test_the_authors_form_is_the_plain_network_of_the_same_weights() -> None:
    lr, sr = output("elan-light-authors:fp32")
    with torch.no_grad():
        expected = load_network("elan-light-x4")(lr)
    torch.testing.assert_close(sr, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["imdn", "edsr-baseline", "swinir-light", "realesrgan-x4plus"])
def test_another_network_gives_what_its_network_gives(name: str) -> None:
    lr, sr = output(name)
    with torch.no_grad():
        expected = one(name).network(lr)
    torch.testing.assert_close(sr, expected, rtol=0, atol=1e-4)


def test_another_network_runs_in_its_precision_and_stays_what_it_is() -> None:
    model = one("imdn:bf16", 2)
    sr = b.timed_forward(model, b.Workload(CPU, 8, 8))()
    assert isinstance(sr, torch.Tensor)
    assert sr.dtype is torch.bfloat16
    assert next(model.network.parameters()).dtype is torch.float32


def test_random_weights_are_the_same_every_time_and_draw_nothing() -> None:
    before = torch.random.get_rng_state()
    first, second = (next(one("imdn").network.parameters()) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_memory_is_what_the_largest_features_take() -> None:
    """Of EDSR x2, the 256 channels before and after they are shuffled, at 4 bytes; PyTorch itself is not in it."""
    side = 192
    peak = peak_memory(one("edsr-baseline", 2), b.Workload(CPU, side, side))
    if peak is None:
        pytest.skip("this system does not tell how much memory a process takes")
    features = side**2 * 2 * 256 * 4
    assert features < peak < 4 * features


def test_a_process_that_fails_is_one_error(tmp_path: Path) -> None:
    model = one("imdn", 2)
    gone = b.BenchmarkModel(str(tmp_path / "gone.pth"), "fp32", 2, "file", model.network, ours=False)
    if not STATUS.is_file():
        pytest.skip("this system does not tell how much memory a process takes")
    with pytest.raises(DeviceError, match=r"gone.pth:fp32: .*gone.pth") as caught:
        peak_memory(gone, b.Workload(CPU, 8, 8))
    assert "\n" not in str(caught.value)
