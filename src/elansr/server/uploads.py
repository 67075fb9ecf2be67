"""Reads the body of `POST /v1/upscale`, within limits, into a file and options."""

import asyncio
import re
from typing import Any, NamedTuple, cast

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from elansr.errors import ConfigError
from elansr.server.limits import Rejected, cancelled, too_many_bytes, too_slow_upload
from elansr.server.processing import RequestOptions
from elansr.upscaling import Extension, FinalSize

PICTURE = "picture"
FIELDS = ("model", "scale", "format", "quality", "width", "height", "outscale", "strength")
BESIDE_THE_FILE = 2**16
"""Bytes of a body besides the file: fields, part headers, boundaries."""
LONGEST_FIELD = 1024
SECONDS = 120.0
"""Maximum seconds for an upload."""

_DIGITS = re.compile(r"[0-9]{1,9}")


class Upload(NamedTuple):
    """A request: the bytes of the file, its name, and the options."""

    data: bytes
    file_name: str
    options: RequestOptions


async def read_upload(request: Request, max_bytes: int) -> Upload:
    """Reads a body.

    Args:
        request: not read yet.
        max_bytes: of the file.

    Raises:
        Rejected: 408 it takes too long, 413 too many bytes, 415 not a multipart form, 422 a form without a picture
            or with unknown fields.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Rejected(415, "not_multipart", f"send a multipart/form-data form with a file in the field {PICTURE!r}")
    counted = Request(request.scope, _counted(request.receive, max_bytes))
    try:
        form = await asyncio.wait_for(counted.form(max_files=1, max_fields=16, max_part_size=LONGEST_FIELD), SECONDS)
    except (asyncio.TimeoutError, TimeoutError):
        raise too_slow_upload(SECONDS) from None
    except ClientDisconnect:
        raise cancelled() from None
    except HTTPException as error:
        raise Rejected(422, "bad_form", str(error.detail)) from error
    try:
        return await _taken_from(form, max_bytes)
    finally:
        await form.close()


def _counted(receive: Receive, max_bytes: int) -> Receive:
    """A `receive` that raises `Rejected` if the body is larger than the limit."""
    left = max_bytes + BESIDE_THE_FILE

    async def counted() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise too_many_bytes(max_bytes)
        return message

    return counted


async def _taken_from(form: FormData, max_bytes: int) -> Upload:
    fields = {name: form.getlist(name) for name in form}
    for name, values in fields.items():
        if name not in (PICTURE, *FIELDS):
            raise _invalid(f"unknown field {ascii(name)[:60]}: must be one of {', '.join((PICTURE, *FIELDS))}")
        if len(values) > 1:
            raise _invalid(f"{name}: given {len(values)} times: send it once")
    picture = fields.pop(PICTURE, [None])[0]
    if not isinstance(picture, UploadFile):
        raise _invalid(
            f"the form has no file in the field {PICTURE!r}: send one, for example with `curl -F {PICTURE}=@photo.jpg`"
        )
    if picture.size is not None and picture.size > max_bytes:
        raise too_many_bytes(max_bytes)
    options = _options({name: values[0] for name, values in fields.items()})
    return Upload(await picture.read(), picture.filename or "", options)


def _options(fields: dict[str, Any]) -> RequestOptions:
    for name, value in fields.items():
        if not isinstance(value, str):
            raise _invalid(f"{name}: must be text, not a file")
    try:
        size = FinalSize(_float(fields, "outscale"), _int(fields, "width"), _int(fields, "height"))
        extension = cast("Extension", fields.get("format") or "auto")
        return RequestOptions(
            fields.get("model") or None,
            _int(fields, "scale"),
            size,
            extension,
            _int(fields, "quality"),
            _float(fields, "strength"),
        )
    except ConfigError as error:
        raise _invalid(str(error)) from error


def _int(fields: dict[str, str], name: str) -> int | None:
    """A whole number; None if the field is missing or empty, as forms send empty fields."""
    text = fields.get(name, "")
    if text and not _DIGITS.fullmatch(text):
        raise _invalid(f"{name} {ascii(text)[:60]}: must be a whole number of at most 9 digits, without a sign")
    return int(text) if text else None


def _float(fields: dict[str, str], name: str) -> float | None:
    text = fields.get(name, "")
    try:
        return float(text) if text else None
    except ValueError:
        raise _invalid(f"{name} {ascii(text)[:60]}: must be a number") from None


def _invalid(message: str) -> Rejected:
    return Rejected(422, "invalid_request", message)
