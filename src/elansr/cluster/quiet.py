"""What Ray says is kept away from the user, and what it does not say is told."""

import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any

ENDED = "error: elansr batch was ended from outside, or by Ray because its cluster is gone: run it again to go on\n"
_WATCH = "import sys; sys.stdin.buffer.read() or sys.stderr.write(sys.argv[1])"


@contextmanager
def last_word() -> Iterator[None]:
    """Has another process tell it if this one is ended: Ray does so, without a word, when its cluster is gone."""
    words = [sys.executable, "-c", _WATCH, ENDED]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True) as watch:
        try:
            yield
        finally:
            with suppress(OSError):
                watch.communicate(b"ended well")


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps Ray's own news away, from whichever language: what matters of them comes as rows and errors."""
    loggers = [logging.getLogger(name) for name in ("ray", "ray.data")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with redirect_stdout(io.StringIO()), _own_stderr():  # Ray prints there what the raylets say
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _own_stderr() -> Iterator[None]:
    """Lets what is not Python's write to nowhere; Python's standard error stays where it is."""
    kept, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    sys.stderr.flush()
    os.dup2(sink, 2)
    os.close(sink)
    try:
        with ExitStack() as stack:
            if _is_fd_2(sys.stderr):
                ours = stack.enter_context(open(kept, "w", buffering=1, errors="backslashreplace", closefd=False))
                stack.enter_context(redirect_stderr(ours))
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _is_fd_2(stream: Any) -> bool:
    """Whether a stream ends there, and is not what a program put in its place."""
    try:
        return bool(stream.fileno() == 2)
    except (OSError, ValueError, AttributeError):
        return False
