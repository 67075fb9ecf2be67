"""Checks every request before its body is read: the API key, and whether there is capacity.

If a server responds and closes before it has read the body, the client sees a connection reset instead of the response.
So the rest of the body is read and dropped before an error is sent.
"""

import asyncio
import base64
import binascii
import hmac
import logging
import time
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from elansr.errors import ConfigError
from elansr.server.limits import Rejected, queue_full, refusal
from elansr.server.prometheus import Metrics
from elansr.server.service import Service

UPSCALE, HEALTH, METRICS, REST = "/v1/upscale", "/healthz", "/metrics", "/v1"
GUARDED = (REST, METRICS, "/docs", "/openapi.json")
"""Paths that start with these need the key; the page has its own login, and /healthz is public."""

READ_ON = 3
"""The maximum that is read of a refused upload, as a multiple of the largest allowed upload."""
LINGER = 30.0
"""Maximum seconds to read it."""

_LOG = logging.getLogger(__name__)


def checked_key(key: str | None) -> str | None:
    """Returns the key, if clients can send it.

    Raises:
        ConfigError: it is empty, of several lines, or has blanks around it, which HTTP drops.
    """
    if key is None or (key and key == key.strip() and len(key.splitlines()) == 1):
        return key
    raise ConfigError("api_key: must be one line, not empty and without surrounding spaces; None is no key")


class Gate:
    """ASGI middleware, the outermost.

    Args:
        api_key: key for the paths in `GUARDED`, as a bearer token, or as a password for browsers; None for no key.
    """

    def __init__(self, app: ASGIApp, service: Service, metrics: Metrics, api_key: str | None) -> None:
        self._app, self._service, self._metrics = app, service, metrics
        self._key = None if api_key is None else api_key.encode()
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or returns an error."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upscale = (scope["path"], scope["method"]) == (UPSCALE, "POST")
        if upscale:
            patient = BodyDrain(scope, receive, send, READ_ON * self._service.limits.max_bytes, LINGER)
            receive, send = patient.receive, self._counting(patient.send)
        if not self._is_allowed(scope):
            await self._ask_for_key(scope, receive, send)
        elif upscale:
            await self._upscale(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _upscale(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Limits the number of requests, including those still uploading or downloading."""
        limits = self._service.limits
        try:
            self._service.require_room()
            if self._inside >= limits.queue + limits.at_once:
                raise queue_full(limits.queue, self._service.retry_after())
        except Rejected as error:
            await refusal(error)(scope, receive, send)
            return
        self._inside += 1
        try:
            await self._app(scope, receive, self._with_deadline(send))
        except (asyncio.TimeoutError, TimeoutError):
            _LOG.warning("a client did not read its result within %g s", limits.seconds)
        finally:
            self._inside -= 1

    def _counting(self, send: Send) -> Send:
        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.answered(message["status"])
            await send(message)

        return counting

    def _with_deadline(self, send: Send) -> Send:
        """A `send` that fails if a client does not read the result within the time of a request."""
        until: float | None = None

        async def sending(message: Message) -> None:
            nonlocal until
            until = until or time.monotonic() + self._service.limits.seconds
            await asyncio.wait_for(send(message), max(until - time.monotonic(), 0.001))

        return sending

    def _is_allowed(self, scope: Scope) -> bool:
        path = scope["path"]
        if self._key is None or not path.startswith(GUARDED):
            return True
        kind, _, text = dict(scope["headers"]).get(b"authorization", b"").partition(b" ")
        keys = {b"bearer": text.strip(), b"basic": b"" if path.startswith(REST) else _password(text.strip())}
        return hmac.compare_digest(keys.get(kind.lower(), b""), self._key)

    async def _ask_for_key(self, scope: Scope, receive: Receive, send: Send) -> None:
        why = Rejected(401, "unauthorized", "the API key is missing or wrong: send it as `Authorization: Bearer KEY`")
        kind = "Bearer" if scope["path"].startswith(REST) else "Basic"
        await refusal(why, {"WWW-Authenticate": f'{kind} realm="elansr"'})(scope, receive, send)


def _password(encoded: bytes) -> bytes:
    """HTTP basic authentication, for browsers; any user name."""
    try:
        return base64.b64decode(encoded, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""


REFUSED = 400
"""The lowest status of an error."""


class BodyDrain:
    """`receive` and `send` of one request; an error is sent after the end of the body.

    Args:
        most: maximum bytes that are read and dropped; a larger Content-Length is refused at once.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, most: int, seconds: float) -> None:
        self._receive, self._send, self._left, self._seconds = receive, send, most, seconds
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        self._ended = length.isdigit() and int(length) > most
        self._asked = headers.get(b"expect", b"").lower() == b"100-continue"

    async def receive(self) -> Message:
        """As the server's."""
        message = await self._receive()
        self._asked = False  # the client was told to send the body
        self._left -= len(message.get("body", b""))
        if not message.get("more_body"):
            self._ended = True
        return message

    async def send(self, message: Message) -> None:
        """Sends a message; delays errors."""
        if message["type"] == "http.response.start" and message["status"] >= REFUSED and not self._asked:
            with suppress(asyncio.TimeoutError, TimeoutError):
                await asyncio.wait_for(self._read_to_the_end(), self._seconds)
        await self._send(message)

    async def _read_to_the_end(self) -> None:
        while not self._ended and self._left > 0:
            await self.receive()
