"""CUDA graphs: launch all kernels of a network at once, for shapes that recur.

ELAN-light is some 80 short kernels, which Python launches one by one more slowly than a fast GPU runs them. A graph
keeps them and their addresses. That is what tiles are made for: of a large picture nearly all have the same shape.
"""

import threading
import warnings
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

TensorFunction = Callable[[Tensor], Tensor]

RUNS_BEFORE = 2
"""A shape's runs before it is captured: the first makes ready what a graph must not, and a single one pays nothing."""
MOST_GRAPHS = 4
"""Shapes whose graphs are kept: the inner, right, lower and corner tiles of a picture. Each keeps its memory."""
MOST_COUNTED = 256


class GraphRunner:
    """Runs a function of one tensor; from the third run of a shape on, as a graph.

    What memory a graph works in is its own for as long as it is kept. When memory runs out, all graphs are dropped and
    the error goes on, so that a smaller tile finds room. If a graph cannot be made for another reason, a warning says
    so once, and everything runs without.

    Args:
        function: takes and returns a tensor; the same launches for every tensor of one shape, without waiting for the
            GPU.
    """

    def __init__(self, function: TensorFunction) -> None:
        self._function, self._capture = function, CUDAGraphs()
        self._counts: Counter[torch.Size] = Counter()
        self._graphs: OrderedDict[torch.Size, TensorFunction] = OrderedDict()
        self._refused = False
        self._lock = threading.Lock()

    def __call__(self, x: Tensor) -> Tensor:
        """What the function makes of `x`; the result belongs to the caller."""
        with self._lock:  # a graph has one input and one output
            try:
                graph = self._graph(x)
                return self._function(x) if graph is None else graph(x)
            except torch.OutOfMemoryError:
                self._graphs.clear()
                self._counts.clear()
                raise

    def _graph(self, x: Tensor) -> TensorFunction | None:
        """The graph for the shape of `x`, made where it is due; None: there is none."""
        if x.shape in self._graphs:
            self._graphs.move_to_end(x.shape)
            return self._graphs[x.shape]
        if len(self._counts) >= MOST_COUNTED:
            self._counts.clear()
        self._counts[x.shape] += 1
        if self._refused or self._counts[x.shape] <= RUNS_BEFORE:
            return None
        return self._captured(x)

    def _captured(self, x: Tensor) -> TensorFunction | None:
        if len(self._graphs) >= MOST_GRAPHS:
            forgotten, _ = self._graphs.popitem(last=False)
            self._counts.pop(forgotten, None)  # or two sets of shapes would be captured in turns, run by run
        try:
            self._graphs[x.shape] = self._capture(self._function, x)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self._refused = True
            warnings.warn(f"CUDA graphs failed, running without them: {error}", RuntimeWarning, stacklevel=2)
            return None
        return self._graphs[x.shape]


class CUDAGraphs:
    """Captures graphs that share their memory: they never run at the same time."""

    def __init__(self) -> None:
        self._pool: Any = None

    def __call__(self, function: TensorFunction, like: Tensor) -> TensorFunction:
        """The graph of a function, which has run on a tensor of this shape before."""
        graph = torch.cuda.CUDAGraph()
        self._pool = self._pool or torch.cuda.graph_pool_handle()
        given = like.clone()
        # Another thread's calls are none of the graph's business.
        with torch.cuda.device(like.device), torch.cuda.graph(graph, self._pool, capture_error_mode="thread_local"):
            result = function(given)

        def run(x: Tensor) -> Tensor:
            given.copy_(x)
            graph.replay()
            return result.clone()

        return run
