"""The server's limits, each with its own status code.

Every refusal has one shape: {"error": {"code", "message", "limit"}}.
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
"""Of a pixel of a result before it is encoded, at most: RGBA of 16 bits."""
MOST_AT_ONCE = 4
"""More requests at once gain nothing where one network thread serves them all; a few keep it busy while others decode
and encode, and let a small picture overtake large ones."""
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Limits:
    """What a service takes on.

    Attributes:
        max_bytes: of an uploaded file.
        max_pixels: of an uploaded picture, all pages counted.
        max_result_pixels: of a result, all pages counted.
        seconds: that a request may take, from when it was taken on to its result.
        queue: requests that wait for their turn.
        at_once: requests in work; 0 is as many, up to 4, as results of `max_result_pixels` fit into half of the memory.

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
        """Requests in work, with 0 made a number."""
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
    """One word for programs, one sentence for people, and the limit that was exceeded, if it is one."""

    __pydantic_config__ = _STRICT
    code: str
    message: str
    limit: ExceededLimit | None


@dataclass(frozen=True)
class Error:
    """The body of every refusal."""

    __pydantic_config__ = _STRICT
    error: Refusal


class Rejected(ElansrError):  # noqa: N818 - an answer as much as an error
    """A request that is refused or fails.

    Args:
        status: of HTTP that says so.
        code: one word for programs.
        message: one sentence for people.
        limit: that was exceeded, if it is one.
        retry_after: seconds after which it may go better; None if it will not.
    """

    def __init__(
        self, status: int, code: str, message: str, limit: ExceededLimit | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.limit, self.retry_after = limit, retry_after

    def bare(self) -> "Rejected":
        """Itself without its traceback and causes, whose frames would keep the picture in memory."""
        self.__traceback__ = self.__cause__ = self.__context__ = None
        return self


def too_many_bytes(most: int) -> Rejected:
    """The answer to a file over the limit."""
    text = f"the upload has more than the {most:,} bytes that this service takes: send a smaller file"
    return Rejected(413, "too_many_bytes", text, ExceededLimit("max_bytes", most))


def too_many_pixels(found: str, most: int) -> Rejected:
    """The answer to a picture over the limit; `found` says its size."""
    text = f"{found}: more than the {most:,} pixels that this service takes: send a smaller picture"
    return Rejected(422, "too_many_pixels", text, ExceededLimit("max_pixels", most))


def result_too_large(found: str, most: int) -> Rejected:
    """The answer to a request whose result would be over the limit; `found` says its size."""
    text = f"the result would be {found}: more than the {most:,} pixels that this service makes: take a smaller scale"
    return Rejected(422, "result_too_large", text, ExceededLimit("max_result_pixels", most))


def queue_full(queue: int, retry_after: int) -> Rejected:
    """The answer when nobody else may wait."""
    text = f"as many requests as may wait, {queue}, are waiting already: try again in {retry_after} s"
    return Rejected(429, "queue_full", text, ExceededLimit("queue", queue), retry_after)


def too_slow(seconds: float) -> Rejected:
    """The answer to a request that ran out of time."""
    text = f"not done within the {seconds:g} s that a request may take: send a smaller picture, or try again later"
    return Rejected(503, "too_slow", text, ExceededLimit("seconds", seconds), retry_after=60)


def too_slow_upload(seconds: float) -> Rejected:
    """The answer to an upload that does not end."""
    return Rejected(408, "upload_too_slow", f"the upload was not complete after {seconds:g} s: send a smaller file")


def cancelled() -> Rejected:
    """The answer, which nobody reads, to a request whose client went away or withdrew it."""
    return Rejected(499, "cancelled", "the request was withdrawn")


def shutting_down() -> Rejected:
    """The answer while the service ends."""
    return Rejected(503, "shutting_down", "this service is shutting down: try again in a while", retry_after=30)


_LONGEST_PATH = 100


def refusal(why: Rejected, headers: dict[str, str] | None = None) -> Response:
    """The JSON response that says why a request was refused."""
    headers = dict(headers or {})
    if why.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(why.retry_after))
    body = Error(Refusal(why.code, why.message, why.limit))
    return JSONResponse(asdict(body), why.status, headers)


def not_found(method: str, path: str, allow: str = "") -> Response:
    """The response to a path or method that does not exist.

    Args:
        allow: the methods that the path has; "" where there is nothing at all.
    """
    shown = ascii(path[:_LONGEST_PATH])[1:-1]
    if allow:
        text = f"{shown} does not answer {method[:_LONGEST_PATH]}: it answers {allow}"
        return refusal(Rejected(405, "method_not_allowed", text), {"Allow": allow})
    return refusal(Rejected(404, "not_found", f"there is nothing at {shown}: /docs lists what there is"))


def answer_errors(app: FastAPI) -> None:
    """Makes the app answer every error in this shape."""

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
        return refusal(Rejected(500, "internal", "the service failed on this request: its log says why"))

    app.add_exception_handler(Rejected, rejected)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_validation)
    app.add_exception_handler(Exception, unexpected)
