"""Sizes of pictures as users write them."""

import re

from elansr.errors import ConfigError

SIZE = re.compile(r"([1-9]\d{0,4})[xX]([1-9]\d{0,4})")


def sides(size: str) -> tuple[int, int]:
    """Width and height of a size such as 320x180.

    Raises:
        ConfigError: something else.
    """
    match = SIZE.fullmatch(size.strip())
    if not match:
        raise ConfigError(f"size {size!r}: must be WIDTHxHEIGHT in pixels of the LR picture, such as 320x180")
    return int(match[1]), int(match[2])
