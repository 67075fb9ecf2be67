"""A refusal that reaches clients who are still uploading.

A server that answers before it has read a body, and closes, makes the client's system throw the answer away: what the
client sees is a connection reset. So the rest of the body is read, and dropped, before the refusal is sent.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

REFUSED = 400
"""The least status that is a refusal."""


class Lingering:
    """`receive` and `send` of one request, of which a refusal waits for the end of the body.

    Args:
        scope: of the request.
        receive, send: of the server.
        most: bytes of a body that are read only to be dropped; whoever announces more is refused at once.
        seconds: that it may take.
    """

    def __init__(self, scope: Message, receive: Receive, send: Send, most: int, seconds: float) -> None:
        self._receive, self._send, self._left, self._seconds = receive, send, most, seconds
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        self._ended = length.isdigit() and int(length) > most
        self._asked = headers.get(b"expect", b"").lower() == b"100-continue"

    async def receive(self) -> Message:
        """As the server's."""
        message = await self._receive()
        self._asked = False  # the server has told the client to send the body
        self._left -= len(message.get("body", b""))
        if not message.get("more_body"):
            self._ended = True
        return message

    async def send(self, message: Message) -> None:
        """As the server's, but for a refusal, which waits."""
        if message["type"] == "http.response.start" and message["status"] >= REFUSED and not self._asked:
            with suppress(asyncio.TimeoutError, TimeoutError):
                await asyncio.wait_for(self._drop_the_rest(), self._seconds)
        await self._send(message)

    async def _drop_the_rest(self) -> None:
        while not self._ended and self._left > 0:
            await self.receive()
