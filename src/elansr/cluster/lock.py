"""One run at a time per output: a lock file that the run keeps renewing; others respect it as long as it does.

A store knows no locks, so the note says when it was written; a run that ended without deleting it, because its machine
did, is forgotten when the note is old. On the machine of that run it is enough that its process is gone.
"""

import json
import os
import platform
import secrets
import threading
import time
from contextlib import suppress
from typing import Any

from elansr.cluster.sources import STATE
from elansr.cluster.storage import Store
from elansr.errors import BusyError, ElansrError

NAME = f"{STATE}/running.json"
RENEW_EVERY = 15.0
OLD = 120.0
"""Seconds after which a note that was not renewed counts for nothing: clocks of machines may differ by most of it."""


class OutputLock:
    """Holds an output for this run, in a `with` statement.

    Raises:
        BusyError: another run is at work there.
    """

    def __init__(self, output: Store) -> None:
        self._output = output
        self._who = {"run": secrets.token_hex(8), "node": _node(), "process": os.getpid()}
        self._other: dict[str, Any] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="elansr-lock", daemon=True)

    def __enter__(self) -> "OutputLock":
        self.renew()
        self.require()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        with suppress(ElansrError):
            if not self._others():
                self._output.delete(NAME)

    @property
    def is_lost(self) -> bool:
        """Whether another run was at work when the note was last renewed."""
        return bool(self._other)

    def require(self) -> None:
        """Raises a BusyError if the output is lost."""
        if self.is_lost:
            who = f"{str(self._other.get('node')).partition(' ')[0]}, process {self._other.get('process')}"
            way_out = "wait for it, or choose another output"
            gone = f"if that run has died, wait {OLD / 60:g} minutes or delete {self._output.shown(NAME)}"
            raise BusyError(f"{self._output.url}: another run uses this output ({who}): {way_out}; {gone}")

    def renew(self) -> None:
        """Writes the note, unless another run is at work."""
        self._other = self._others()
        if not self._other:
            self._output.write(NAME, json.dumps(self._who | {"at": time.time()}).encode())

    def _keep(self) -> None:
        while not self.is_lost and not self._ended.wait(RENEW_EVERY):
            with suppress(ElansrError):  # the store may answer again before the note is old
                self.renew()

    def _others(self) -> dict[str, Any]:
        """The note of another run that is at work; empty where there is none."""
        try:
            found = json.loads(self._output.read(NAME)) if self._output.exists(NAME) else {}
        except (ElansrError, ValueError):  # deleted at this moment, or damaged: nobody's
            return {}
        return found if isinstance(found, dict) and found.get("run") != self._who["run"] and _is_alive(found) else {}


def _is_alive(found: dict[str, Any]) -> bool:
    at, process = found.get("at"), found.get("process")
    if not isinstance(at, (int, float)) or time.time() - at > OLD:
        return False
    return not (found.get("node") == _node() and isinstance(process, int) and _is_gone(process))


def _node() -> str:
    """This machine, or container: where process numbers mean what they mean here."""
    with suppress(OSError):
        return f"{platform.node()} {os.readlink('/proc/self/ns/pid')}"
    return f"{platform.node()} -"


def _is_gone(process: int) -> bool:
    if os.name == "nt":  # where asking would end it
        return False
    try:
        os.kill(process, 0)
    except OSError as error:  # else another user's
        return isinstance(error, ProcessLookupError)
    return False
