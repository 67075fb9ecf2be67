"""ELAN, the Efficient Long-Range Attention Network, as software: upscale, train, evaluate, export.

    >>> import elansr
    >>> elansr.upscale("photo.jpg", "photo_x4.png", scale=4)  # files, as the command line does
    >>> upscaler = elansr.load("elan-light-x4")
    >>> large = upscaler(small)  # a NumPy array, a PIL.Image or a torch tensor

Names are loaded on first use, so `import elansr` is fast, and PyTorch is imported only when it is needed. The errors
are in `elansr.errors`; `elansr.hub` needs no import of its own.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elansr.errors import ElansrError
    from elansr.evaluation.scoring import evaluate
    from elansr.images import Picture, read, write
    from elansr.nn.config import ELANConfig
    from elansr.nn.elan import ELAN, create_model
    from elansr.upscaling import Upscaler, load, upscale
    from elansr.weights.load import convert, describe, load_network
    from elansr.weights.released import list_models
    from elansr.weights.weights_file import save

    __version__: str

__all__ = [
    "ELAN",
    "ELANConfig",
    "ElansrError",
    "Picture",
    "Upscaler",
    "__version__",
    "convert",
    "create_model",
    "describe",
    "evaluate",
    "list_models",
    "load",
    "load_network",
    "read",
    "save",
    "upscale",
    "write",
]

_HOMES = {
    "ELAN": "elansr.nn.elan",
    "ELANConfig": "elansr.nn.config",
    "ElansrError": "elansr.errors",
    "Picture": "elansr.images",
    "Upscaler": "elansr.upscaling",
    "convert": "elansr.weights.load",
    "create_model": "elansr.nn.elan",
    "describe": "elansr.weights.load",
    "evaluate": "elansr.evaluation.scoring",
    "list_models": "elansr.weights.released",
    "load": "elansr.upscaling",
    "load_network": "elansr.weights.load",
    "read": "elansr.images",
    "save": "elansr.weights.weights_file",
    "upscale": "elansr.upscaling",
    "write": "elansr.images",
}
"""The module of each public name."""


def __getattr__(name: str) -> object:
    """Finds a public name on first use and keeps it (PEP 562)."""
    if name == "__version__":
        value: object = _installed_version()
    elif name == "hub":
        from importlib import import_module

        value = import_module("elansr.weights.hub")
    elif name in _HOMES:
        from importlib import import_module

        try:
            value = getattr(import_module(_HOMES[name]), name)
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            from elansr.errors import MissingExtraError

            raise MissingExtraError.torch(f"elansr.{name}") from error
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _installed_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("elansr")
    except PackageNotFoundError:
        return "0+not.installed"
