"""Ctrl-C and termination, raised where they are not lost.

libvips calls back into Python while it works, and what is raised in a callback is printed and forgotten. A signal that
arrives then is kept until `raise_pending`.
"""

import signal
from types import FrameType

INTERRUPTED, TERMINATED = 130, 143

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
        KeyboardInterrupt: for SIGINT and for SIGTERM: what can be kept is kept, and told, after both.
    """
    if not _pending:
        return
    _last[:] = _pending[:1]
    _pending.clear()
    raise KeyboardInterrupt


def how_it_ended() -> tuple[str, int]:
    """After a KeyboardInterrupt: the word for it, and the exit code, which is 128 and the signal's number."""
    return ("terminated", TERMINATED) if _last == [signal.SIGTERM] else ("interrupted", INTERRUPTED)


def _receive(number: int, frame: FrameType | None) -> None:
    _pending.append(number)
    if not _is_inside_pyvips(frame):
        raise_pending()


def _is_inside_pyvips(frame: FrameType | None) -> bool:
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] == "pyvips":
            return True
        frame = frame.f_back
    return False
