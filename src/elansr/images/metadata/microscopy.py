"""Sizes in the descriptions that programs of science write into TIFF files: ImageJ, OME-XML, tifffile.

ImageJ's is lines of `name=value` and counts on the resolution of the file; OME-XML holds the sizes of pixels itself;
tifffile's is JSON with the shape of the array.
"""

import json
import re

from elansr.images.metadata.geometry import Change
from elansr.images.tags import Field

_IMAGEJ, _OME, _SHAPE = b"ImageJ=", b"http://www.openmicroscopy.org/Schemas/OME/", b'{"shape":'
_PIXELS = re.compile(rb"<(?:\w+:)?Pixels\b[^>]*>")
_REGIONS = re.compile(rb"<((?:\w+:)?ROI)\b.*?</\1>|<(?:\w+:)?ROIRef\b[^>]*/>", re.DOTALL)
_ATTRIBUTE = rb"""(\b%s\s*=\s*["'])([^"']*)"""
_ORIGIN = re.compile(rb"^([xy]origin)=([-+.\deE]+)", re.MULTILINE)


def is_calibrated(description: Field | None) -> bool:
    """Whether a description says that the resolution of its file is a measure of what was looked at."""
    return description is not None and (description.value.startswith(_IMAGEJ) or _OME in description.value)


def adapted(description: Field, change: Change) -> tuple[Field, tuple[str, ...]]:
    """The description, adjusted to pixels that were rotated or resized, and what was dropped.

    Any other text is left as it is. Regions of OME, which are in pixels, are dropped.
    """
    value, notes = description.value, tuple[str, ...]()
    if change.idle:
        return description, ()
    if value.startswith(_IMAGEJ):
        value = _ORIGIN.sub(lambda found: _moved_origin(found, change), value)
    elif _OME in value:
        value, regions = _REGIONS.subn(b"", value)
        value = _PIXELS.sub(lambda found: _resized(found[0], change), value)
        notes = ("OME regions dropped",) if regions else ()
    elif value.startswith(_SHAPE):
        value = _reshaped(value, change)
    return Field(description.kind, len(value), value), notes


def _moved_origin(found: re.Match[bytes], change: Change) -> bytes:
    scale = change.scale[0 if found[1] == b"xorigin" else 1]
    try:
        return b"%s=%s" % (found[1], f"{float(found[2]) * scale:g}".encode())
    except ValueError:
        return found[0]


def _resized(tag: bytes, change: Change) -> bytes:
    """One `Pixels` element with the sizes of now."""
    sizes = [_attribute(tag, b"PhysicalSize" + name) for name in (b"X", b"Y")]
    units = [_attribute(tag, b"PhysicalSize" + name + b"Unit") for name in (b"X", b"Y")]
    if change.swaps:
        sizes.reverse()
        units.reverse()
    values = {b"SizeX": b"%d" % change.after[0], b"SizeY": b"%d" % change.after[1]}
    for name, size, unit, scale in zip((b"X", b"Y"), sizes, units, change.scale, strict=True):
        values[b"PhysicalSize" + name] = _divided(size, scale)
        values[b"PhysicalSize" + name + b"Unit"] = unit
    for attribute, value in values.items():
        found = re.search(_ATTRIBUTE % attribute, tag)
        if found and value:
            tag = tag[: found.start(2)] + value + tag[found.end(2) :]
    return tag


def _attribute(tag: bytes, name: bytes) -> bytes:
    found = re.search(_ATTRIBUTE % name, tag)
    return found[2] if found else b""


def _divided(size: bytes, scale: float) -> bytes:
    try:
        return repr(float(size) / scale).encode()
    except ValueError:
        return size


def _reshaped(value: bytes, change: Change) -> bytes:
    """The JSON with the last height and width in its shape changed; left as it is where they are not there."""
    try:
        words = json.loads(value.rstrip(b"\0"))
        shape = words["shape"]
        last = max(at for at in range(len(shape) - 1) if (shape[at + 1], shape[at]) == change.before)
    except (ValueError, KeyError, TypeError):
        return value
    words["shape"] = [*shape[:last], change.after[1], change.after[0], *shape[last + 2 :]]
    return json.dumps(words).encode() + b"\0"
