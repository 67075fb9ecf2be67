"""When a graph is made, kept and given up; what CUDA makes of it, test_on_gpu.py knows."""

import warnings

import pytest
import torch
from torch import Tensor

from elansr.engines.cuda import graphs
from elansr.engines.cuda.graphs import MOST_GRAPHS, GraphRunner, TensorFunction


class Recorder:
    """A function and a capture that note what is done with them."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.ran: list[int] = []
        self.captured: list[int] = []
        self.replayed: list[int] = []

    def run(self, x: Tensor) -> Tensor:
        self.ran.append(len(x))
        return x + 1

    def capture(self, function: TensorFunction, like: Tensor) -> TensorFunction:
        assert function == self.run
        self.captured.append(len(like))
        if self.error:
            raise self.error

        def replay(x: Tensor) -> Tensor:
            assert x.shape == like.shape
            self.replayed.append(len(x))
            return x + 1

        return replay


def recorded(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> GraphRunner:
    monkeypatch.setattr(graphs, "CUDAGraphs", lambda: recorder.capture)
    return GraphRunner(recorder.run)


def test_a_shape_is_captured_at_its_third_run(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    runner = recorded(recorder, monkeypatch)
    for n in (2, 3, 2, 2, 2, 3, 3):
        x = torch.rand(n)
        assert torch.equal(runner(x), x + 1)
    assert (recorder.ran, recorder.captured, recorder.replayed) == ([2, 3, 2, 3], [2, 3], [2, 2, 3])


def test_the_graphs_used_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    runner = recorded(recorder, monkeypatch)
    shapes = range(1, MOST_GRAPHS + 1)
    for n in (*shapes, *shapes, *shapes, 1, *[9] * 3, 1):  # 9 takes the place of 2
        runner(torch.rand(n))
    assert recorder.captured == [*shapes, 9]
    assert recorder.replayed[-1] == 1
    for _ in range(3):
        runner(torch.rand(2))
    assert recorder.captured[-1] == 2
    assert len(runner._graphs) == MOST_GRAPHS


def test_without_graphs_it_runs_on_after_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(RuntimeError("operation not permitted when stream is capturing"))
    runner = recorded(recorder, monkeypatch)
    runner(torch.rand(2))
    runner(torch.rand(2))
    with pytest.warns(RuntimeWarning, match="not permitted"):
        assert len(runner(torch.rand(2))) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in (2, 3, 3, 3):
            runner(torch.rand(n))
    assert recorder.captured == [2]
    assert len(recorder.ran) == 7


def test_memory_that_runs_out_drops_the_graphs_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    runner = recorded(recorder, monkeypatch)
    for _ in range(3):
        runner(torch.rand(2))
    recorder.error = torch.OutOfMemoryError("CUDA out of memory")
    runner(torch.rand(3))
    runner(torch.rand(3))
    with pytest.raises(torch.OutOfMemoryError):
        runner(torch.rand(3))
    assert not runner._graphs
    recorder.error = None
    for _ in range(3):
        runner(torch.rand(2))
    assert recorder.captured == [2, 3, 2]
