"""How values are shown in a message: paths, lists, errors of other libraries."""

import os
from collections.abc import Iterable


def shown(path: str | os.PathLike[str]) -> str:
    """A path on one line, and printable whatever bytes the name is made of."""
    text = os.fspath(path)
    return text if text.isprintable() else ascii(text)


def listed(names: Iterable[str], most: int = 3) -> str:
    """A handful of names, sorted: "'a', 'b', 'c' and 7 more", or "nothing"."""
    ordered = sorted(names)
    some = [f"{name!r:.80}" for name in ordered[:most]]
    more = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(some) + more if some else "nothing"


def one_line(error: Exception) -> str:
    """The message of another library, on one line of bearable length."""
    return " ".join(str(error).split())[:200]
