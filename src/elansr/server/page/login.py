"""The login of a page with a key: any user name will do, and none as well.

Gradio's form asks for both a name and a password, and says nothing at all where one of them is empty.
"""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from elansr.server.answers import refusal
from elansr.server.limits import Rejected

PATH = "/login"
ANYBODY = "anybody"
LONGEST_FIELD = 4096


class Login:
    """Fills in the name.

    Args:
        app: the page.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, a login with a name in it, or answers one without a key."""
        if scope["type"] != "http" or (scope["method"], scope["path"]) != ("POST", PATH):
            await self._app(scope, receive, send)
            return
        async with Request(scope, receive).form(max_files=0, max_fields=16, max_part_size=LONGEST_FIELD) as form:
            key = str(form.get("password", ""))
        if key:
            body = urlencode({"username": ANYBODY, "password": key}).encode()
            await self._app(_with(scope, body), _reading(body), send)
        else:
            why = Rejected(400, "bad_form", "the API key is empty: enter it as the password")
            await refusal(why)(scope, receive, send)


def _with(scope: Scope, body: bytes) -> Scope:
    """The scope of the same request with another body."""
    headers = [row for row in scope["headers"] if row[0] not in (b"content-type", b"content-length")]
    kind = (b"content-type", b"application/x-www-form-urlencoded")
    return {**scope, "headers": [*headers, kind, (b"content-length", str(len(body)).encode())]}


def _reading(body: bytes) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive
