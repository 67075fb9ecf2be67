"""Pictures in a folder, a web server for them, and a worker without a cluster."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("ray", reason="elansr batch needs the extra [ray]")
pytest.importorskip("fsspec", reason="elansr batch needs the extra [ray]")

from elansr.cluster.settings import Settings, identified
from elansr.cluster.sources import Columns
from elansr.cluster.worker import Worker, WorkerConfig
from elansr.images import Picture, write

COLUMNS = Columns()


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """These networks are too small to share."""
    torch.set_num_threads(1)


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[..., Path]:
    """Writes pictures of noise into a folder: `count` of them, every third one in a folder inside."""

    def make(count: int = 4, height: int = 12, width: int = 20, folder: str = "in") -> Path:
        for number in range(count):
            path = tmp_path / folder / ("" if number % 3 else "sub folder") / f"{number:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            page = np.random.default_rng(number).integers(0, 256, (height + number, width, 3), dtype=np.uint8)
            write(Picture((page,)), path)
        return tmp_path / folder

    return make


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def served() -> Iterator[Callable[[Path], str]]:
    """Serves folders over HTTP, with pages that list them."""
    servers = []

    def serve(folder: Path) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def begun() -> Counter[str]:
    """The attempts that are on record."""
    return Counter()


@pytest.fixture
def worker(weights: dict[int, Path], begun: Counter[str]) -> Callable[..., Worker]:
    """A worker in this process."""

    def make(source: object, output: object, columns: Columns = COLUMNS, **options: Any) -> Worker:
        settings = identified(Settings(model=str(weights[2]), device="cpu", **options))

        def begin(name: str) -> int:
            begun[name] += 1
            return begun[name]

        content = weights[2].read_bytes()
        return Worker(WorkerConfig(str(source), str(output), settings, columns, content, 1, "cpu"), begin)

    return make
