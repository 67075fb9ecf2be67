"""Checks every request before its body is read: the API key, and whether there is capacity.

A refusal also reaches clients who are still uploading: a server that answers before it has read a body, and closes,
makes the client's system throw the answer away, and what the client sees is a connection reset. So the rest of the body
is read, and dropped, before the refusal is sent.
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
"""What starts like this asks for the key; the page has a login of its own, and health is for everybody."""

READ_ON = 3
"""How many times the largest upload is read of one that is refused, so that its client sees why."""
LINGER = 30.0
"""Seconds that this may take."""

_LOG = logging.getLogger(__name__)


def checked_key(key: str | None) -> str | None:
    """The same key, if clients can send it.

    Raises:
        ConfigError: it is empty, of several lines, or has blanks around it, which HTTP drops.
    """
    if key is None or (key and key == key.strip() and len(key.splitlines()) == 1):
        return key
    raise ConfigError("api_key: must be one line, not empty and without surrounding spaces; None is no key")


class Gate:
    """ASGI middleware, the outermost.

    Args:
        api_key: that `GUARDED` asks for, as a bearer's token, or where browsers go as a password; None is no key.
    """

    def __init__(self, app: ASGIApp, service: Service, metrics: Metrics, api_key: str | None) -> None:
        self._app, self._service, self._metrics = app, service, metrics
        self._key = None if api_key is None else api_key.encode()
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request through, or answers it."""
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
        """Lets in as many as may be in work and wait; those count who still upload or have not taken their result."""
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
        """`send` that gives up on a client who does not take the result in the time that a request has."""
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
    """Of HTTP's basic scheme, in which browsers ask people; the user's name may be any."""
    try:
        return base64.b64decode(encoded, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""


REFUSED = 400
"""The least status that is a refusal."""


class BodyDrain:
    """`receive` and `send` of one request, of which a refusal waits for the end of the body.

    Args:
        most: bytes of a body that are read only to be dropped; whoever announces more is refused at once.
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
        self._asked = False  # the server has asked the client to send the body
        self._left -= len(message.get("body", b""))
        if not message.get("more_body"):
            self._ended = True
        return message

    async def send(self, message: Message) -> None:
        """As the server's, but for a refusal, which waits."""
        if message["type"] == "http.response.start" and message["status"] >= REFUSED and not self._asked:
            with suppress(asyncio.TimeoutError, TimeoutError):
                await asyncio.wait_for(self._read_to_the_end(), self._seconds)
        await self._send(message)

    async def _read_to_the_end(self) -> None:
        while not self._ended and self._left > 0:
            await self.receive()
