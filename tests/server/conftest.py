"""Services with a tiny network, and one whose network waits until it is let go."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

pytest.importorskip("fastapi", reason="needs pip install '.[web]'")
pytest.importorskip("prometheus_client", reason="needs pip install '.[web]'")
pytest.importorskip("python_multipart", reason="needs pip install '.[web]'")

from elansr.server.limits import Limits
from elansr.server.service import Service

PATIENCE = 120.0
"""Seconds that a busy machine may take."""


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """These networks are too small to share."""
    torch.set_num_threads(1)


@pytest.fixture
def serving(weights: dict[int, Path]) -> Iterator[Callable[..., Service]]:
    """Starts services whose default network is tiny, of x2; the arguments are limits."""
    made: list[Service] = []

    def start(model: str | Path | None = None, tile: int = 32, **limits: float) -> Service:
        chosen = Limits(**{"at_once": 2, "seconds": PATIENCE} | limits)  # type: ignore[arg-type]
        service = Service(chosen, model=str(model or weights[2]), precision="fp32", tile=tile, threads=1)
        made.append(service)
        return service

    yield start
    for service in made:
        service.close(wait=False)


class Held:
    """A network that says when it is asked, and waits until it is let go.

    Attributes:
        asked: set with the first tile.
        go: set it, and the tiles go through.
        tiles: how many went through.
    """

    def __init__(self, service: Service) -> None:
        self.asked, self.go, self.tiles = Event(), Event(), 0
        [upscaler] = service.models._loaded.values()
        network = upscaler._network

        def held(tile: Tensor) -> Tensor:
            self.asked.set()
            assert self.go.wait(PATIENCE)
            self.tiles += 1
            return network(tile)

        upscaler._network = held  # type: ignore[assignment]


@pytest.fixture
def hold() -> Iterator[Callable[[Service], Held]]:
    """Has a service's one network wait; it is let go at the end in any case."""
    made: list[Held] = []

    def make(service: Service) -> Held:
        made.append(Held(service))
        return made[-1]

    yield make
    for held in made:
        held.go.set()


@pytest.fixture
def file_of() -> Callable[..., bytes]:
    """The bytes of a picture file of noise, as Pillow writes it."""

    def make(kind: str = "PNG", height: int = 12, width: int = 20, **options: object) -> bytes:
        noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(noise).save(file, kind, **options)
        return file.getvalue()

    return make
