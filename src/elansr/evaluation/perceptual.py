"""LPIPS, DISTS and NIQE, which say how pictures look to people better than PSNR does; lower is better for all three.

pyiqa (the extra `metrics`) computes them, with its defaults, on whole 8-bit RGB pictures, uncropped. LPIPS (Zhang
et al. 2018, arXiv 1801.03924, with AlexNet) and DISTS (Ding et al. 2020, arXiv 2004.07728) compare SR with HR; NIQE
(Mittal et al. 2013) looks at SR alone. Their weights are not part of elansr: pyiqa and torchvision download them into
PyTorch's cache, once, and here only if that is allowed.
"""

from __future__ import annotations

import io
import math
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TextIO, get_args

from elansr.errors import ConfigError, DeviceError, MissingExtraError, WeightsError
from elansr.evaluation.datasets import RGB
from elansr.images import to_float
from elansr.text import one_line

if TYPE_CHECKING:
    from torch import Tensor

MetricName = Literal["lpips", "dists", "niqe"]
DOWNLOADS: dict[MetricName, str] = {"lpips": "233 MB", "dists": "528 MB", "niqe": "8 kB"}
"""About how much each needs."""
SMALLEST: dict[MetricName, int] = {"lpips": 31, "dists": 1, "niqe": 96}
"""The least width and height that each can be measured on, in pixels."""


class DownloadRefusedError(Exception):
    """A library wants to download something; the text is the address."""


@dataclass(frozen=True)
class PerceptualMetric:
    """One metric.

    Attributes:
        run: SR and, if `reference`, HR, float32 (1, 3, H, W) in [0, 1], to a number.
        reference: whether it needs HR.
        smallest: see `SMALLEST`.
    """

    run: Callable[..., Tensor]
    device: str
    reference: bool
    smallest: int

    def __call__(self, sr: RGB, hr: RGB | None) -> float:
        """The value for uint8 (H, W, 3); NaN where it needs HR and there is none, or where the picture is too small.

        Raises:
            DeviceError: the device's memory does not suffice.
        """
        if min(sr.shape[:2]) < self.smallest or (self.reference and hr is None):
            return math.nan
        import torch

        pictures = [sr] if hr is None or not self.reference else [sr, hr]
        tensors = [torch.from_numpy(to_float(picture)).permute(2, 0, 1)[None] for picture in pictures]
        try:
            with torch.no_grad():
                return float(self.run(*(tensor.to(self.device) for tensor in tensors)))
        except (RuntimeError, MemoryError) as error:
            raise DeviceError(
                f"SR of {sr.shape[1]}x{sr.shape[0]} pixels: a metric failed ({one_line(error)}): use a device "
                "with more memory, or omit the metric"
            ) from error


def load_metrics(
    names: Sequence[MetricName], device: str = "auto", download: bool = False
) -> dict[str, PerceptualMetric]:
    """Loads metrics, by name.

    Args:
        names: none needs nothing to be installed.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        download: whether weights that are not on this machine may be downloaded.

    Raises:
        ConfigError: an unknown name.
        MissingExtraError: pyiqa cannot be imported.
        WeightsError: weights that are not on this machine, and `download` is off; or they cannot be downloaded.
    """
    for name in names:
        if name not in DOWNLOADS:
            raise ConfigError(f"metric {name!r}: must be {', '.join(get_args(MetricName))}")
    if not names:
        return {}
    from elansr.engines.device import pick_device

    where = pick_device(device)
    create = _create_metric()
    return {name: _load(create, name, where, download) for name in names}


def _create_metric() -> Callable[..., Any]:
    try:
        from pyiqa import create_metric
    except (ImportError, RuntimeError, OSError) as error:
        from elansr.engines.device import torchvision_remedy

        raise MissingExtraError(
            f"pyiqa cannot be imported ({one_line(error)}): {torchvision_remedy(error, 'metrics')}"
        ) from error
    return create_metric


def _load(create: Callable[..., Any], name: MetricName, device: str, download: bool) -> PerceptualMetric:
    import torch

    try:
        # pyiqa and PyTorch's hub announce every download, on stdout too, where the scores go.
        with _messages_to(sys.stderr if download else io.StringIO()), nullcontext() if download else _no_downloads():
            metric = create(name, device=torch.device(device))
    except DownloadRefusedError as error:
        raise WeightsError(
            f"{name}: needs weights that are not on this machine: {error} is not in {torch.hub.get_dir()}; download "
            f"them, about {DOWNLOADS[name]} in all, with `download=True`"
        ) from error
    except OSError as error:
        raise WeightsError(f"{name}: its weights cannot be downloaded or read: {one_line(error)}") from error
    return PerceptualMetric(metric, device, metric.metric_mode == "FR", SMALLEST[name])


@contextmanager
def _messages_to(stream: TextIO) -> Iterator[None]:
    with redirect_stdout(stream), redirect_stderr(stream):
        yield


@contextmanager
def _no_downloads() -> Iterator[None]:
    """Whatever opens an address by urllib, as PyTorch's hub does, gets a `DownloadRefusedError` meanwhile."""

    def refuse(_opener: urllib.request.OpenerDirector, address: Any, *_: object, **__: object) -> NoReturn:
        raise DownloadRefusedError(getattr(address, "full_url", address))

    original = urllib.request.OpenerDirector.open
    urllib.request.OpenerDirector.open = refuse  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        urllib.request.OpenerDirector.open = original  # type: ignore[method-assign]
