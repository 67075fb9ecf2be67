"""Checks of arguments that a caller gives: each error says the value, the rule, and what comes near.

A message names an argument in backticks, with its value where it matters: "`tile=-1`: must be a whole number from 0".
The command line puts its flags there, see `elansr.cli.flags`.
"""

import operator
import os
from collections.abc import Iterable
from numbers import Real
from pathlib import Path
from typing import Any

from elansr.errors import ConfigError
from elansr.text import did_you_mean


def require_whole(name: str, value: Any, least: int = 0, most: int | None = None) -> int:
    """A whole number from `least` to `most`.

    Raises:
        ConfigError: something else, such as "2", 2.5 or True.
    """
    if not isinstance(value, bool):
        try:
            number = operator.index(value)
        except TypeError:
            pass
        else:
            if number >= least and (most is None or number <= most):
                return number
    span = f"{least} or more" if most is None else f"from {least} to {most}"
    raise wrong(name, value, f"must be a whole number, {span}")


def require_number(name: str, value: Any, least: float, most: float) -> float:
    """A number from `least` to `most`.

    Raises:
        ConfigError: something else, such as "2", NaN or True.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not least <= float(value) <= most:
        raise wrong(name, value, f"must be a number from {least:g} to {most:g}")
    return float(value)


def require_choice(name: str, value: Any, allowed: Iterable[str]) -> None:
    """Refuses, with a ConfigError, what is none of the words that are allowed."""
    words = list(allowed)
    if not (isinstance(value, str) and value in words):
        hint = did_you_mean(value, words).strip() if isinstance(value, str) else ""
        raise wrong(name, value, f"must be {', '.join(words[:-1])} or {words[-1]}{hint and f'; {hint}'}")


def require_path(name: str, value: Any) -> Path:
    """A path from text or a path.

    Raises:
        ConfigError: something else.
    """
    if not isinstance(value, (str, os.PathLike)):
        raise wrong(name, value, "must be a path")
    return Path(value)


def require_flag(name: str, value: Any) -> None:
    """Refuses, with a ConfigError, what is neither True nor False."""
    if not isinstance(value, bool):
        raise wrong(name, value, "must be True or False")


def wrong(name: str, value: Any, rule: str) -> ConfigError:
    """The error for an argument that breaks a rule."""
    shown = " ".join(repr(value).split())
    return ConfigError(f"`{name}={shown:.60}`: {rule}")
