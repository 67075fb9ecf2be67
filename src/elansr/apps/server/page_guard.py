"""What of Gradio can be reached: what the page needs, and requests of a size that the page would send.

Gradio answers more than that: it fetches files from other servers, edits its own program, reads JSON of any size.
"""

from pathlib import Path

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

API = "/gradio_api/"
NEEDED = ("queue/join", "queue/data", "heartbeat/", "startup-events", "login_check", "theme.css", "upload")
"""Beginnings of the paths below `API` that the page asks for; its files come on top."""
OTHERS = ("/monitoring", "/pwa_icon", "/manifest.json", "/svelte/")
"""Paths of Gradio beside `API` that the page does not ask for."""
MOST_TOLD = 2**20
"""Bytes of a request that sends no picture."""
ENVELOPE = 2**16
"""Bytes of a request with a picture beside the picture."""


class Guard:
    """Middleware that keeps everything else away from the page.

    Args:
        app: what comes behind.
        folder: the only one whose files can be fetched.
        max_bytes: of a picture.
    """

    def __init__(self, app: ASGIApp, folder: Path, max_bytes: int) -> None:
        self._app, self._files, self._max_bytes = app, f"{API}file={folder}/", max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers it."""
        if scope["type"] == "http" and (refusal := self._refusal(scope)):
            await PlainTextResponse(refusal[1], refusal[0])(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and text for a request that is not passed on."""
        path: str = scope["path"]
        if path.startswith(OTHERS):
            return 404, "not here"
        if not path.startswith(API):
            return None
        if not path.startswith((self._files, *(API + name for name in NEEDED))):
            return 404, "not here"
        return self._too_large(scope, path) if scope["method"] == "POST" else None

    def _too_large(self, scope: Scope, path: str) -> tuple[int, str] | None:
        most = self._max_bytes + ENVELOPE if path.startswith(f"{API}upload") else MOST_TOLD
        told = dict(scope["headers"]).get(b"content-length", b"")
        if not told.isdigit():
            return 411, "say how long the request is"
        return (413, f"at most {most} bytes") if int(told) > most else None
