"""Ctrl-C and termination, raised where they are not lost.

libvips calls back into Python, and prints and ignores exceptions in a callback: a signal that arrives there is kept
until `raise_pending`. Modules written in C, such as NumPy's, fail with other errors or crash if they are interrupted
during their import: a signal that arrives there is kept until the import has ended.
"""

import signal
from types import FrameType

INTERRUPTED, TERMINATED = 130, 143
LOOK_AGAIN = 0.02
"""Seconds between two checks whether an import has ended."""
_IMPORTING = {"importlib._bootstrap", "_frozen_importlib"}
"""Modules whose functions run during an import."""

_pending: list[int] = []
_last: list[int] = []


def install() -> None:
    """Makes SIGINT and SIGTERM raise KeyboardInterrupt, so that no half-written file is left."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not if a shell has disabled it
        signal.signal(signal.SIGINT, _receive)
    signal.signal(signal.SIGTERM, _receive)


def raise_pending() -> None:
    """Raises a signal that was kept.

    Raises:
        KeyboardInterrupt: for SIGINT and for SIGTERM.
    """
    if not _pending:
        return
    _last[:] = _pending[:1]
    _pending.clear()
    raise KeyboardInterrupt


def last_interrupt() -> tuple[str, int]:
    """After a KeyboardInterrupt: the word for it, and the exit code, which is 128 and the signal's number."""
    return ("terminated", TERMINATED) if _last == [signal.SIGTERM] else ("interrupted", INTERRUPTED)


def _receive(number: int, frame: FrameType | None) -> None:
    _pending.append(number)
    _raise_outside(frame)


def _look_again(_number: int, frame: FrameType | None) -> None:
    _raise_outside(frame)


def _raise_outside(frame: FrameType | None) -> None:
    """Raises a signal that was kept, unless it would be lost or do harm here."""
    if not _pending:
        return
    modules = _running(frame)
    if modules & _IMPORTING and hasattr(signal, "setitimer"):  # not on Windows
        signal.signal(signal.SIGALRM, _look_again)
        signal.setitimer(signal.ITIMER_REAL, LOOK_AGAIN)
    elif not any(module.partition(".")[0] == "pyvips" for module in modules):
        raise_pending()


def _running(frame: FrameType | None) -> set[str]:
    """The modules of the functions on the call stack."""
    found = set[str]()
    while frame is not None:
        found.add(str(frame.f_globals.get("__name__")))
        frame = frame.f_back
    return found
