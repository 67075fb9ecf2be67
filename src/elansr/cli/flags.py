"""Messages of the library in the words of the command line: an argument in backticks becomes its flag.

give a smaller `tile`          -> give a smaller --tile
use `device=cpu`               -> use --device cpu
or `overwrite=True`            -> or --overwrite
"""

import re

ARGUMENT = re.compile(r"`([a-z][a-z_]*)(?:=([^`]*))?`")
"""How a message of the library names an argument."""

SPELLED = {
    "photo": "--on",
    "models": "--model",
    "check=False": "--no-check",
    "existing='replace'": "--overwrite",
}
"""Where an option is not called as the argument is."""


def in_flags(message: str) -> str:
    """The message with flags in place of arguments, on one line."""
    return ARGUMENT.sub(_flag, " ".join(message.split()))


def _flag(match: re.Match[str]) -> str:
    name, value = match.groups()
    if spelled := SPELLED.get(match[0].strip("`")):
        return spelled
    flag = f"--{name.replace('_', '-')}"
    return flag if value in (None, "True") else f"{flag} {value.strip(chr(39))}"
