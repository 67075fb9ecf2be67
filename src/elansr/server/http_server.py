"""Runs a service: opens the port, serves, and shuts down.

After the first SIGTERM or Ctrl-C, new requests get a 503, and accepted ones are finished and sent within a grace
period. The second signal ends the process at once.
"""

import errno
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
"""Seconds to send results after the last request or the grace period."""
_KEEP_ALIVE = 30


def listen(host: str, port: int) -> socket.socket:
    """Opens a port; 0 is any free one.

    Raises:
        ConfigError: the port is in use, or there is no such address.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=256)
    except (OSError, OverflowError, UnicodeError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise ConfigError(f"port {port} is in use: choose another with `port`") from error
        why = reason(error).partition(" (while")[0]  # the rest repeats the address
        raise ConfigError(f"cannot listen on {host} port {port} ({why}): choose another `host` or `port`") from error


def url(listening: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: FastAPI, service: Service, listening: socket.socket, grace: float, on_ready: Callable[[], None]) -> None:
    """Serves until a signal, then finishes the accepted requests.

    Args:
        service: closed when this returns.
        grace: seconds that requests may take after the signal.
        on_ready: called when the server accepts requests.

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
        raise ElansrError("the server stopped: see its log above")


def _end_by_signals(stop: Event, service: Service) -> None:
    def receive(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(128 + number)  # does not wait for threads at work
        service.closing = True
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, receive)
