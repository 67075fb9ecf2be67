"""The server's limits, each with its own status code.

All errors use the same JSON format: {"error": {"code", "message", "limit"}}.
"""

import math
from dataclasses import asdict, dataclass
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import ConfigDict
from starlette.exceptions import HTTPException

from elansr.errors import ConfigError, ElansrError
from elansr.memory import available_memory

BYTES_PER_PIXEL = 8
"""Maximum bytes per pixel of a result before encoding: RGBA of 16 bits."""
MOST_AT_ONCE = 4
"""More would gain nothing with one network thread; a few keep it busy while others decode and encode, and let a small
picture overtake large ones."""
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Limits:
    """The limits of a service.

    Attributes:
        max_bytes: size of an uploaded file.
        max_pixels: of an uploaded picture, all pages counted.
        max_result_pixels: of a result, all pages counted.
        seconds: time for a request, waiting included.
        queue: requests that wait.
        at_once: requests processed at the same time; 0: up to 4, as many as results of `max_result_pixels` fit into
            half of the memory.

    Raises:
        ConfigError: one is out of range.
    """

    max_bytes: int = 32 * 2**20
    max_pixels: int = 2**25
    max_result_pixels: int = 2**27
    seconds: float = 600.0
    queue: int = 32
    at_once: int = 0

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_pixels", "max_result_pixels", "seconds"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name}={getattr(self, name)}: must be above 0")
        for name in ("queue", "at_once"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name}={getattr(self, name)}: must be 0 or more")

    @property
    def workers(self) -> int:
        """Number of requests processed at the same time, with 0 resolved."""
        fitting = available_memory() // 2 // (self.max_result_pixels * BYTES_PER_PIXEL)
        return self.at_once or max(1, min(MOST_AT_ONCE, fitting))


@dataclass(frozen=True)
class ExceededLimit:
    """A limit that was exceeded."""

    __pydantic_config__ = _STRICT
    name: str
    value: float


@dataclass(frozen=True)
class Refusal:
    """A code for programs, a message for people, and the exceeded limit, if any."""

    __pydantic_config__ = _STRICT
    code: str
    message: str
    limit: ExceededLimit | None


@dataclass(frozen=True)
class Error:
    """The body of every error response."""

    __pydantic_config__ = _STRICT
    error: Refusal


class Rejected(ElansrError):  # noqa: N818 - also a response
    """A request that is refused or fails.

    Args:
        status: HTTP status.
        code: one word for programs.
        message: one sentence for people.
        limit: the exceeded limit, if any.
        retry_after: seconds after which to try again; None if that is of no use.
    """

    def __init__(
        self, status: int, code: str, message: str, limit: ExceededLimit | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.limit, self.retry_after = limit, retry_after

    def bare(self) -> "Rejected":
        """This error without traceback and causes, whose frames would keep the picture in memory."""
        self.__traceback__ = self.__cause__ = self.__context__ = None
        return self


def too_many_bytes(most: int) -> Rejected:
    """The error for a file over the limit."""
    text = f"the file is larger than the limit of {most:,} bytes: send a smaller file"
    return Rejected(413, "too_many_bytes", text, ExceededLimit("max_bytes", most))


def too_many_pixels(found: str, most: int) -> Rejected:
    """The error for a picture over the limit; `found` is its size."""
    text = f"{found}: more than the limit of {most:,} pixels: send a smaller picture"
    return Rejected(422, "too_many_pixels", text, ExceededLimit("max_pixels", most))


def result_too_large(found: str, most: int) -> Rejected:
    """The error for a result over the limit; `found` is its size."""
    text = f"the result would be {found}: more than the limit of {most:,} pixels: choose a smaller scale"
    return Rejected(422, "result_too_large", text, ExceededLimit("max_result_pixels", most))


def queue_full(queue: int, retry_after: int) -> Rejected:
    """The error if the queue is full."""
    text = f"the queue is full, {queue} requests are waiting: try again in {retry_after} s"
    return Rejected(429, "queue_full", text, ExceededLimit("queue", queue), retry_after)


def too_slow(seconds: float) -> Rejected:
    """The error for a request that takes too long."""
    text = f"not finished within the limit of {seconds:g} s: send a smaller picture, or try again later"
    return Rejected(503, "too_slow", text, ExceededLimit("seconds", seconds), retry_after=60)


def too_slow_upload(seconds: float) -> Rejected:
    """The error for an upload that takes too long."""
    return Rejected(408, "upload_too_slow", f"the upload took more than {seconds:g} s: send a smaller file")


def cancelled() -> Rejected:
    """The error for a request that its client cancelled; nobody reads it."""
    return Rejected(499, "cancelled", "the request was cancelled")


def shutting_down() -> Rejected:
    """The error during shutdown."""
    return Rejected(503, "shutting_down", "the server is shutting down: try again later", retry_after=30)


_LONGEST_PATH = 100


def refusal(why: Rejected, headers: dict[str, str] | None = None) -> Response:
    """The JSON response of an error."""
    headers = dict(headers or {})
    if why.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(why.retry_after))
    body = Error(Refusal(why.code, why.message, why.limit))
    return JSONResponse(asdict(body), why.status, headers)


def not_found(method: str, path: str, allow: str = "") -> Response:
    """The response to a path or method that does not exist.

    Args:
        allow: the methods of the path; "" if the path does not exist.
    """
    shown = ascii(path[:_LONGEST_PATH])[1:-1]
    if allow:
        text = f"{shown}: method {method[:_LONGEST_PATH]} not allowed: use {allow}"
        return refusal(Rejected(405, "method_not_allowed", text), {"Allow": allow})
    return refusal(Rejected(404, "not_found", f"{shown}: not found: see /docs"))


def answer_errors(app: FastAPI) -> None:
    """Makes the app return all errors in this format."""

    async def rejected(_request: Request, error: Rejected) -> Response:
        return refusal(error)

    async def of_http(request: Request, error: HTTPException) -> Response:
        if error.status_code in (404, 405):
            return not_found(request.method, request.url.path, (error.headers or {}).get("Allow", ""))
        message = str(error.detail or HTTPStatus(error.status_code).phrase)
        why = Rejected(error.status_code, "bad_form" if error.status_code == 400 else "http_error", message)
        return refusal(why, dict(error.headers or {}))

    async def of_validation(_request: Request, error: RequestValidationError) -> Response:
        found = "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors())
        return refusal(Rejected(422, "invalid_request", found))

    async def unexpected(_request: Request, _error: Exception) -> Response:  # the server logs it
        return refusal(Rejected(500, "internal", "internal error: see the log of the server"))

    app.add_exception_handler(Rejected, rejected)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_validation)
    app.add_exception_handler(Exception, unexpected)
