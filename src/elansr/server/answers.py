"""The one shape of every refusal: {"error": {"code", "message", "limit"}}."""

import math
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from elansr.server.limits import Rejected

_CODES = {400: "bad_form"}
_LONGEST_PATH = 100


def refusal(why: Rejected, headers: dict[str, str] | None = None) -> Response:
    """The response that says why there is no picture."""
    headers = dict(headers or {})
    if why.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(why.retry_after))
    limit = why.limit and {"name": why.limit.name, "value": why.limit.value}
    body = {"error": {"code": why.code, "message": why.message, "limit": limit}}
    return JSONResponse(body, why.status, headers)


def not_there(method: str, path: str, allow: str = "") -> Response:
    """The response to what is no route.

    Args:
        method, path: of the request.
        allow: the methods that the path has; "" where there is nothing at all.
    """
    shown = ascii(path[:_LONGEST_PATH])[1:-1]
    if allow:
        text = f"{shown} does not answer {method[:_LONGEST_PATH]}: it answers {allow}"
        return refusal(Rejected(405, "method_not_allowed", text), {"Allow": allow})
    return refusal(Rejected(404, "not_found", f"there is nothing at {shown}: /docs lists what there is"))


def answer_errors(app: FastAPI) -> None:
    """Has the app answer every error in the one shape."""

    async def rejected(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Rejected)
        return refusal(error)

    async def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code in (404, 405):
            return not_there(request.method, request.url.path, (error.headers or {}).get("Allow", ""))
        message = str(error.detail or HTTPStatus(error.status_code).phrase)
        why = Rejected(error.status_code, _CODES.get(error.status_code, "http_error"), message)
        return refusal(why, dict(error.headers or {}))

    async def of_validation(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        found = "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors())
        return refusal(Rejected(422, "invalid_request", found))

    async def unexpected(_request: Request, _error: Exception) -> Response:  # the server logs it
        return refusal(Rejected(500, "internal", "the service failed on this request: its log says why"))

    handlers: list[tuple[Any, Any]] = [
        (Rejected, rejected),
        (HTTPException, of_http),
        (RequestValidationError, of_validation),
        (Exception, unexpected),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)
