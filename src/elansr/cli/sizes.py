"""Sizes of pictures as users write them."""

import re

from elansr.errors import ConfigError

SIZE = re.compile(r"([1-9]\d*)[xX]([1-9]\d*)", re.ASCII)
DIGITS = 5


def sides(size: str) -> tuple[int, int]:
    """Width and height of a size such as 320x180.

    Raises:
        ConfigError: something else, or a side of 100,000 pixels or more.
    """
    match = SIZE.fullmatch(size.strip())
    if not match:
        raise ConfigError(f"size {size!r}: must be WIDTHxHEIGHT in pixels of the LR picture, such as 320x180")
    if max(map(len, match.groups())) > DIGITS:
        raise ConfigError(f"size {size.strip():.40}: too large: a side is at most {10**DIGITS - 1} pixels")
    return int(match[1]), int(match[2])
