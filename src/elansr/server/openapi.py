"""Adds to FastAPI's OpenAPI description: the form, the picture and the errors."""

from typing import Any, get_args

from elansr.server.limits import Error, Limits
from elansr.upscaling import Extension

PICTURES = ("jpeg", "png", "webp", "tiff", "avif", "bmp", "gif")

_SCALE = "Of the network, one of the model's `scales`; left out, the smallest that reaches the size, or the largest."
_STRENGTH = "Between the weights for clean pictures (0) and -real weights (1); left out, the weights as they are."
_RETRY = {"Retry-After": {"description": "Seconds.", "required": True, "schema": {"type": "integer"}}}
_REFUSALS: dict[int, tuple[str, dict[str, Any]]] = {
    401: ("The service has an API key and the request has not.", {}),
    408: ("The upload did not end.", {}),
    413: ("The file has too many bytes.", {}),
    415: ("Not a multipart form.", {}),
    422: ("Not a picture that is read, one of too many pixels, or something that cannot be done with it.", {}),
    429: ("As many requests wait as may.", _RETRY),
    500: ("The service failed.", {}),
    503: ("Not done in time, no memory left, or the service is shutting down.", _RETRY),
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that can refuse with these statuses."""
    return {
        status: {"model": Error, "description": text, "headers": headers}
        for status in statuses
        for text, headers in [_REFUSALS[status]]
    }


def upscale_form(names: list[str], limits: Limits) -> dict[str, Any]:
    """The `requestBody` of `POST /v1/upscale`; `names` are the models on offer."""
    whole = {"type": "integer", "minimum": 1}
    fields: dict[str, Any] = {
        "picture": {
            "type": "string",
            "format": "binary",
            "description": f"The file: at most {limits.max_bytes:,} bytes and {limits.max_pixels:,} pixels.",
        },
        "model": {"type": "string", "enum": names, "default": names[0], "description": "See `GET /v1/models`."},
        "scale": {"type": "integer", "enum": [2, 3, 4], "description": _SCALE},
        "format": {
            "type": "string",
            "enum": list(get_args(Extension)),
            "default": "auto",
            "description": "Of the result; auto keeps that of the file name.",
        },
        "quality": whole | {"maximum": 100, "description": "Of a lossy format."},
        "width": whole | {"maximum": 999_999_999, "description": "Of the result; the height follows."},
        "height": whole | {"maximum": 999_999_999, "description": "Of the result; the width follows."},
        "outscale": {"type": "number", "exclusiveMinimum": 0, "maximum": 16, "description": "Final enlargement."},
        "strength": {"type": "number", "minimum": 0, "maximum": 1, "description": _STRENGTH},
    }
    schema = {"type": "object", "required": ["picture"], "additionalProperties": False, "properties": fields}
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def picture_response() -> dict[str, Any]:
    """The answer of `POST /v1/upscale` that is a picture."""
    headers = {
        "Content-Disposition": "The name of the result: photo.jpg becomes photo_x4.jpg.",
        "X-Elansr-Model": "The weights used.",
        "X-Elansr-Reason": "Why they were chosen, or their strength; empty where the request named them.",
        "X-Elansr-Notes": "What the result lacks of the upload, such as a kind of metadata; empty where nothing.",
        "X-Elansr-Seconds": "Of work, without waiting.",
    }
    return {
        "description": "The larger picture.",
        "headers": {
            name: {"description": text, "required": True, "schema": {"type": "string"}}
            for name, text in headers.items()
        },
        "content": {f"image/{kind}": {"schema": {"type": "string", "format": "binary"}} for kind in PICTURES},
    }
