"""Locks on files, which end with the process that holds them."""

import sys
from typing import IO, Any

if sys.platform != "win32":
    import fcntl


def locked(file: IO[Any]) -> bool | None:
    """Takes the lock of an open file, which is held until the file is closed.

    Returns:
        Whether this process holds it now; False where another one does, None where nothing can be locked: on Windows,
        and on file systems without locks.
    """
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
