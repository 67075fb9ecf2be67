"""Runs a service: opens the port, serves, and shuts down.

The first SIGTERM or Ctrl-C: no more requests are taken on (503), those that were are done and their results sent,
within a time of grace. The second ends the process at once.
"""

import os
import signal
import socket
import time
from collections.abc import Callable
from threading import Event, Thread
from types import FrameType

import uvicorn
from fastapi import FastAPI

from elansr.errors import ConfigError, ElansrError
from elansr.server.service import Service
from elansr.text import reason

SENDING = 10
"""Seconds for sending what is done, when everything is done or the time of grace is over."""
_KEEP_ALIVE = 30


def listen(host: str, port: int) -> socket.socket:
    """Takes a port; 0 is any that is free.

    Raises:
        ConfigError: the port is in use, or there is no such address.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=256)
    except (OSError, OverflowError, UnicodeError) as error:
        why = reason(error)
        raise ConfigError(f"cannot listen on {host} port {port} ({why}): give another `host` or `port`") from error


def url(listening: socket.socket) -> str:
    """Where a browser finds what listens there."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: FastAPI, service: Service, listening: socket.socket, grace: float, on_ready: Callable[[], None]) -> None:
    """Serves until a signal says to end, and what was taken on is done.

    Args:
        service: closed when this returns.
        grace: seconds that requests may still take after the signal.
        on_ready: called when requests are answered.

    Raises:
        ElansrError: the server could not be started.
    """
    stop = Event()
    _end_by_signals(stop, service)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=SENDING,
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listening]}, name="elansr-http", daemon=True)
    thread.start()
    while thread.is_alive() and not server.started:
        time.sleep(0.01)
    if server.started:
        on_ready()
    while thread.is_alive() and not stop.wait(1):
        pass
    service.close(wait=True, grace=grace)
    server.should_exit = True
    thread.join()
    if not stop.is_set():
        raise ElansrError("the server ended by itself: what it printed before says why")


def _end_by_signals(stop: Event, service: Service) -> None:
    def receive(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(128 + number)  # threads in the middle of their work are not waited for
        service.closing = True
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, receive)
