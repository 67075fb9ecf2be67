"""Adds to FastAPI's OpenAPI description: the form, the picture and the errors."""

from typing import Any, get_args

from elansr.server.limits import Error, Limits
from elansr.upscaling import Extension

PICTURES = ("jpeg", "png", "webp", "tiff", "avif", "bmp", "gif")

_SCALE = (
    "Scale of the network, one of the model's `scales`. Default: the smallest that reaches the size, or the largest."
)
_STRENGTH = "Mix of the weights for clean pictures (0) and -real weights (1). Default: the weights as they are."
_RETRY = {"Retry-After": {"description": "Seconds.", "required": True, "schema": {"type": "integer"}}}
_REFUSALS: dict[int, tuple[str, dict[str, Any]]] = {
    401: ("The API key is missing or wrong.", {}),
    408: ("The upload took too long.", {}),
    413: ("The file is too large.", {}),
    415: ("Not a multipart form.", {}),
    422: ("Not a picture, damaged, too large, or an invalid option.", {}),
    429: ("The queue is full.", _RETRY),
    500: ("Internal error.", {}),
    503: ("Not finished in time, a failure of memory, disk or device, or the server is shutting down.", _RETRY),
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route for these error statuses."""
    return {
        status: {"model": Error, "description": text, "headers": headers}
        for status in statuses
        for text, headers in [_REFUSALS[status]]
    }


def upscale_form(names: list[str], limits: Limits) -> dict[str, Any]:
    """The `requestBody` of `POST /v1/upscale`; `names` are the available models."""
    whole = {"type": "integer", "minimum": 1}
    fields: dict[str, Any] = {
        "picture": {
            "type": "string",
            "format": "binary",
            "description": f"The picture file: at most {limits.max_bytes:,} bytes and {limits.max_pixels:,} pixels.",
        },
        "model": {"type": "string", "enum": names, "default": names[0], "description": "See `GET /v1/models`."},
        "scale": {"type": "integer", "enum": [2, 3, 4], "description": _SCALE},
        "format": {
            "type": "string",
            "enum": list(get_args(Extension)),
            "default": "auto",
            "description": "Format of the result; auto: by the file name.",
        },
        "quality": whole | {"maximum": 100, "description": "Quality of JPEG, WebP and AVIF."},
        "width": whole | {"maximum": 999_999_999, "description": "Final width in pixels; keeps the aspect ratio."},
        "height": whole | {"maximum": 999_999_999, "description": "Final height in pixels; keeps the aspect ratio."},
        "outscale": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 16,
            "description": "Final enlargement factor.",
        },
        "strength": {"type": "number", "minimum": 0, "maximum": 1, "description": _STRENGTH},
    }
    schema = {"type": "object", "required": ["picture"], "additionalProperties": False, "properties": fields}
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def picture_response() -> dict[str, Any]:
    """The picture response of `POST /v1/upscale`."""
    headers = {
        "Content-Disposition": "The name of the result: photo.jpg becomes photo_x4.jpg.",
        "X-Elansr-Model": "The weights used.",
        "X-Elansr-Reason": "Why these weights were chosen, or their strength; empty if the request named them.",
        "X-Elansr-Notes": "What the result lacks of the picture, such as metadata; empty if nothing.",
        "X-Elansr-Seconds": "Processing time in seconds, without waiting.",
    }
    return {
        "description": "The upscaled picture.",
        "headers": {
            name: {"description": text, "required": True, "schema": {"type": "string"}}
            for name, text in headers.items()
        },
        "content": {f"image/{kind}": {"schema": {"type": "string", "format": "binary"}} for kind in PICTURES},
    }
