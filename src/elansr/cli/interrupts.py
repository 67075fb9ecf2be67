"""Ctrl-C and termination, raised where they are not lost.

libvips calls back into Python while it works, and what is raised in a callback is printed and forgotten. A signal that
arrives then is kept until `raise_pending`. Nor can what is imported bear it: modules written in C, such as NumPy's, end
in other errors or crash. A signal that arrives then is kept until the import is through.
"""

import signal
from types import FrameType

INTERRUPTED, TERMINATED = 130, 143
LOOK_AGAIN = 0.02
"""Seconds between two looks whether an import is through."""
_IMPORTING = {"importlib._bootstrap", "_frozen_importlib"}
"""Modules of which functions run while something is imported."""

_pending: list[int] = []
_last: list[int] = []


def install() -> None:
    """Lets SIGINT and SIGTERM end the program as an error would, so that nothing half-written is left behind."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not one that a shell has switched off
        signal.signal(signal.SIGINT, _receive)
    signal.signal(signal.SIGTERM, _receive)


def raise_pending() -> None:
    """Raises what was kept.

    Raises:
        KeyboardInterrupt: for SIGINT and for SIGTERM: both leave what can be kept, and say so.
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
    """Raises what was kept, unless it would be lost or do harm here."""
    if not _pending:
        return
    modules = _running(frame)
    if modules & _IMPORTING and hasattr(signal, "setitimer"):  # not on Windows
        signal.signal(signal.SIGALRM, _look_again)
        signal.setitimer(signal.ITIMER_REAL, LOOK_AGAIN)
    elif not any(module.partition(".")[0] == "pyvips" for module in modules):
        raise_pending()


def _running(frame: FrameType | None) -> set[str]:
    """The modules whose functions are being run."""
    found = set[str]()
    while frame is not None:
        found.add(str(frame.f_globals.get("__name__")))
        frame = frame.f_back
    return found
