"""A client of the load test: sends a form over a plain socket, so that it can also misbehave."""

import random
import socket
import time
from http.client import HTTPException, HTTPResponse
from typing import NamedTuple

from tools.load_cases import Answer, Case

BOUNDARY = "----elansr-load-test"
STALL = 20.0
"""Seconds in which a client sends all but the end of an upload, which never comes."""
PATIENCE = 300.0
"""Seconds that an answer is waited for."""


class Server(NamedTuple):
    """Where it listens."""

    host: str
    port: int


def ask(server: Server, case: Case, draw: random.Random) -> Answer:
    """Sends a case and reads the answer; one that is to leave does so after sending a part or all of it."""
    body = form(case)
    head = (
        f"POST /v1/upscale HTTP/1.1\r\nHost: {server.host}\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    try:
        with socket.create_connection(server, PATIENCE) as connection:
            if case.expected == "leaves":
                connection.sendall((head + body)[: draw.choice([len(head) // 2, len(head) + len(body) // 2, None])])
                connection.settimeout(draw.uniform(0.01, 1.0))
                return Answer(*_left(connection))
            if case.expected != "408":
                _send(connection, head + body, case.seconds)
            else:
                _send(connection, (head + body)[:-2], STALL)
            response = HTTPResponse(connection)
            response.begin()
            retry = float(response.headers.get("Retry-After") or 0)
            return Answer(str(response.status), response.read(), retry)
    except (OSError, HTTPException) as error:
        return Answer(type(error).__name__)


def _send(connection: socket.socket, data: bytes, seconds: float) -> None:
    """Sends data, in pieces that take so many seconds together; until the server does not want any more."""
    pieces = max(1, round(seconds))
    size = -(-len(data) // pieces)
    for start in range(0, len(data), size):
        connection.sendall(data[start : start + size])
        if pieces > 1:
            time.sleep(seconds / pieces)


def _left(connection: socket.socket) -> tuple[str]:
    """Waits a moment, and goes."""
    try:
        connection.recv(1)
    except OSError:
        return ("left",)
    return ("left",)


def form(case: Case) -> bytes:
    """The body: fields first, then the file, whose name is sent as it is."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in case.fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="picture"; filename="{case.file_name}"\r\n\r\n'
    return b"".join([*parts, head.encode(), case.data, f"\r\n--{BOUNDARY}--\r\n".encode()])
