"""The exceptions of elansr; all of them derive from `ElansrError`.

A message names the value, the rule it breaks and the way out, in one line. The command line prints that line and
exits with code 2; a program catches `ElansrError` or one of its branches.
"""


class ElansrError(Exception):
    """Base of every error that elansr raises on purpose."""


class ConfigError(ElansrError, ValueError):
    """A network, recipe or command was given a value it cannot work with."""


class PictureError(ElansrError):
    """A picture cannot be read, written or processed."""


class TooManyPixelsError(PictureError):
    """A picture has more pixels than the limit.

    Args:
        found: its size in words, "photo.png: 30000 x 30000 = 900,000,000".
        limit: in pixels, of all pages together.
        which: pictures that the limit is for, where there are several limits.
    """

    def __init__(self, found: str, limit: int, which: str = "") -> None:
        super().__init__(found, limit, which)
        self.found, self.limit, self.which = found, limit, which

    def __str__(self) -> str:
        limit = f"the limit of {self.limit:,}{self.which}"
        return f"{self.found} pixels are more than {limit}; increase `max_pixels` if you trust the file"


class OutputExistsError(PictureError):
    """The output is already there and overwriting was not asked for."""


class BusyError(ElansrError):
    """Another run is at work on the same file or folder."""


class WeightsError(ElansrError):
    """A weights file or a model name cannot be used."""


class DataError(ElansrError):
    """A data set for training or evaluation cannot be used."""


class DeviceError(ElansrError):
    """The device or precision asked for is not available, or its memory does not suffice."""


class MissingExtraError(ElansrError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""

    @classmethod
    def torch(cls, purpose: str) -> "MissingExtraError":
        """The error where PyTorch is missing."""
        return cls(f"{purpose} needs PyTorch: pip install '.[torch]' in elansr's folder")


class TrainingError(ElansrError):
    """A training run cannot continue."""


class ExportError(ElansrError):
    """An exported model does not compute what the network does."""
