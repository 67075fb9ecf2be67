"""Formats values for messages: paths, lists, counts, bytes, errors of other libraries, suggestions."""

import difflib
import os
from collections.abc import Iterable


def shown(path: str | os.PathLike[str]) -> str:
    """A path on one line, and printable whatever bytes the name is made of."""
    text = os.fspath(path)
    return text if text.isprintable() else ascii(text)


def listed(names: Iterable[str], most: int = 3) -> str:
    """A handful of names, sorted: "'a', 'b', 'c' and 7 more", or "nothing".

    Long names lose their middle, because the end of a path is the name of the file.
    """
    ordered = sorted(names)
    some = [repr(name if len(name) <= 80 else f"{name[:20]}...{name[-57:]}") for name in ordered[:most]]
    more = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(some) + more if some else "nothing"


def count(number: float, noun: str) -> str:
    """A number of things: "1 picture", "3 pictures"."""
    return f"{number:g} {noun}{'' if number == 1 else 's'}"


def data_size(size: int) -> str:
    """A number of bytes: "19 kB", "3.2 MB", "1.5 GB"."""
    if size < 10**6:
        return f"{max(1, round(size / 10**3))} kB"
    return f"{size / 10**6:.1f} MB" if size < 10**9 else f"{size / 10**9:.1f} GB"


def one_line(error: Exception) -> str:
    """The message of an error, on one line of bearable length; its kind where it has none."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def reason(error: Exception) -> str:
    """What went wrong: of an error of the operating system without the path, which the message names already."""
    return getattr(error, "strerror", None) or one_line(error)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The known word that is nearest: "did you mean steps? ", ready for what follows; "" if none is near."""
    nearest = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {nearest[0]}? " if nearest else ""
