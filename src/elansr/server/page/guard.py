"""Restricts what of Gradio can be reached to what the page needs, limits request sizes, and adds a login.

Gradio answers more than that: it fetches files from other servers, edits its own program, reads JSON of any size.
Everything else is answered here, in the one shape of refusals.
"""

from pathlib import Path
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from elansr.server.limits import Rejected, not_found, refusal, too_many_bytes

API = "/gradio_api/"
NEEDED = ("queue/join", "queue/data", "heartbeat/", "startup-events", "login_check", "theme.css", "upload")
"""Beginnings of the paths below `API` that the page asks for; its files come on top."""
LOGIN = "/login"
READ = "GET, HEAD"
METHODS = {"/": READ, LOGIN: "POST"} | dict.fromkeys(
    ("/config", "/theme.css", "/favicon.ico", "/robots.txt", "/logout"), "GET"
)
"""Paths of Gradio beside `API` that browsers ask for, and how."""
ASSETS = ("/assets/", "/static/")
"""Beginnings of those of the page's programs and fonts."""
MAX_BODY = 2**20
"""Bytes of a request without a picture."""
ENVELOPE = 2**16
"""Bytes of a request with a picture beside the picture."""


class Guard:
    """Keeps everything else away from the page.

    Args:
        folder: the only one whose files can be fetched.
    """

    def __init__(self, app: ASGIApp, folder: Path, max_bytes: int) -> None:
        self._app, self._files, self._max_bytes = app, f"{API}file={folder}/", max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers it."""
        refused = self._refused(scope) if scope["type"] == "http" else None
        await (refused or self._app)(scope, receive, send)

    def _refused(self, scope: Scope) -> Response | None:
        """The answer to a request that is not passed on."""
        path, method = scope["path"], scope["method"]
        allow = self._methods(path)
        if method not in allow.split(", "):
            return not_found(method, path, allow)
        return self._too_large(scope, path) if method == "POST" else None

    def _methods(self, path: str) -> str:
        """What may be done with a path of the page; "" where it is none."""
        if path.startswith(self._files):
            return READ
        if path.startswith(ASSETS):
            return "GET"
        if path.startswith(tuple(API + name for name in NEEDED)):
            return "GET, POST"
        return METHODS.get(path, "")

    def _too_large(self, scope: Scope, path: str) -> Response | None:
        most = self._max_bytes + ENVELOPE if path.startswith(f"{API}upload") else MAX_BODY
        length = dict(scope["headers"]).get(b"content-length", b"")
        if not length.isdigit():
            return refusal(Rejected(411, "length_required", "the Content-Length header is missing: send it"))
        return refusal(too_many_bytes(most)) if int(length) > most else None


ANYBODY = "anybody"
LONGEST_FIELD = 4096


class Login:
    """Fills in the user's name, which Gradio wants and nobody needs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, a login with a name in it, or answers one without a key."""
        if scope["type"] != "http" or (scope["method"], scope["path"]) != ("POST", LOGIN):
            await self._app(scope, receive, send)
            return
        async with Request(scope, receive).form(max_files=0, max_fields=16, max_part_size=LONGEST_FIELD) as form:
            key = str(form.get("password", ""))
        if key:
            body = urlencode({"username": ANYBODY, "password": key}).encode()
            await self._app(_with(scope, body), _reading(body), send)
        else:
            why = Rejected(400, "bad_form", "the password is empty: enter the API key")
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
