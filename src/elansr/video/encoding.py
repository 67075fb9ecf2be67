"""Encodes pictures as video: the codec, its settings, and packets."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple

from elansr.errors import ConfigError
from elansr.images import Pixels
from elansr.text import did_you_mean
from elansr.video.containers import fits
from elansr.video.frames import Colors, FromRGB, depth
from elansr.video.libav import av, library_versions, logged
from elansr.video.views import CARRYING, Carrier

_DEFAULT_CODEC, _DEFAULT_CODECS = "libx264", {"webm": "libvpx-vp9"}  # by container, as FFmpeg calls it
_CRF = {"libx264": 18, "libx265": 20, "libsvtav1": 25, "libvpx-vp9": 24}
"""Common constant rate factors for visually lossless results."""
_MOST_CRF = {"libx264": 51, "libx264rgb": 51, "libx265": 51, "libsvtav1": 63, "libvpx": 63, "libvpx-vp9": 63}
"""Largest constant rate factors; FFmpeg lets x264 clip larger ones."""
_PRESET = {"libx264": "medium", "libx265": "medium", "libsvtav1": "6"}
_SPEEDS = ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"]
_PRESETS = dict.fromkeys(("libx264", "libx264rgb", "libx265"), _SPEEDS) | {"libsvtav1": [str(n) for n in range(14)]}
_SMALLEST = {"libx265": 64}
"""Pixels of the shortest side: x265 4.2 writes beyond its memory if a picture is smaller than its blocks."""
_GLOBAL_HEADER = 1 << 22


@dataclass(frozen=True)
class Encoding:
    """How a video is encoded.

    Attributes:
        codec: encoder, by FFmpeg's name; "auto" is libvpx-vp9 in .webm, else libx264.
        crf: constant rate factor, of encoders that have one: lower is better and larger; None takes the default.
        preset: of encoders that have one; None takes the default.
        pix_fmt: pixel format of the result; None keeps bit depth and chroma of the source if the encoder supports them.
    """

    codec: str = "auto"
    crf: float | None = None
    preset: str | None = None
    pix_fmt: str | None = None

    def chosen_for(self, container: str) -> "Encoding":
        """The same with an encoder in place of "auto"."""
        chosen = _DEFAULT_CODECS.get(container, _DEFAULT_CODEC) if self.codec == "auto" else self.codec
        return replace(self, codec=chosen)


class Packet(NamedTuple):
    """The encoded packet of a frame.

    Attributes:
        number: frame number, from 0 at the start of the encoder.
        key: whether decoding can start here.
    """

    data: bytes
    number: int
    key: bool


class EncoderSettings:
    """All settings of the encoder of a video stream.

    Args:
        source_format: FFmpeg's name of the source's pixel format.
        size: width and height, before they are made even.
        rate: mean frames per second, which encoders use for their decisions.

    Attributes:
        width, height: without the last column or row if chroma needs even sides.

    Raises:
        ConfigError: an unknown codec, or unsupported settings.
    """

    def __init__(
        self,
        encoding: Encoding,
        source_format: str,
        size: tuple[int, int],
        rate: Fraction,
        aspect: Fraction | None,
        colors: Colors,
    ) -> None:
        codec = _codec(encoding.codec)
        if codec is None:
            known = [name for name in sorted(av.codecs_available) if _codec(name) and fits(name)]
            usual = ", ".join(name for name in (*_CRF, "ffv1") if name in known)
            hint = did_you_mean(encoding.codec, known)
            raise ConfigError(
                f"codec {encoding.codec!r}: not a video encoder of this PyAV; {hint}it has {usual} and others"
            )
        _require_settings(encoding)
        self.codec, self.rate = encoding.codec, rate
        self.pix_fmt = _pixel_format(codec, encoding.pix_fmt, source_format)
        video_format = av.VideoFormat(self.pix_fmt)
        across, down = 2 // video_format.chroma_width(2), 2 // video_format.chroma_height(2)
        self.width, self.height = max(size[0] // across, 1) * across, max(size[1] // down, 1) * down
        if min(self.width, self.height) < _SMALLEST.get(self.codec, 1):
            least = f"at least {_SMALLEST[self.codec]} pixels on each side; choose another `codec`"
            raise ConfigError(f"{self.width} x {self.height} pixels are too small for {self.codec}: it needs {least}")
        self._aspect, self._colors = aspect, colors
        self.options = _options(encoding)
        self.open()

    def open(self) -> Any:
        """A new encoder.

        Raises:
            ConfigError: unsupported settings.
        """
        context = av.CodecContext.create(self.codec, "w")
        self.configure(context)
        with logged() as complaints:
            try:
                context.open()
            except (av.FFmpegError, ValueError) as error:
                size = f"{self.width}x{self.height}"
                settings = ", ".join([f"{size} {self.pix_fmt}", *(f"{name} {n}" for name, n in self.options.items())])
                what = f"{self.codec} does not accept {settings}"
                why = "; ".join(complaints) or getattr(error, "strerror", None) or str(error)
                raise ConfigError(f"{what} ({why}); change `codec`, `crf`, `preset` or `pix_fmt`") from error
        for option, value in context.options.items():  # options that it did not use
            raise ConfigError(f"`{option}={value}`: {self.codec} has no such setting; omit it")
        return context

    def configure(self, context: Any) -> None:
        """Configures an encoder that is not open yet."""
        context.width, context.height, context.pix_fmt = self.width, self.height, self.pix_fmt
        context.time_base, context.framerate = 1 / self.rate, self.rate
        if self._aspect:
            context.sample_aspect_ratio = self._aspect
        context.color_range, context.colorspace = self._colors.range, self._colors.matrix
        if av.VideoFormat(self.pix_fmt).is_rgb:
            context.color_range, context.colorspace = 2, 0
        context.color_primaries, context.color_trc = self._colors.primaries, self._colors.transfer
        context.options = self.options | _own_options(self.codec)
        context.flags |= _GLOBAL_HEADER

    def fingerprint(self) -> list[Any]:
        """The settings that determine the packets, as JSON values."""
        version = ".".join(map(str, library_versions["libavcodec"]))
        size = [self.width, self.height, str(self.rate), str(self._aspect), *self._colors]
        return [self.codec, self.pix_fmt, self.options, size, version]


class Encoder:
    """One run of an encoder, over a segment that can be decoded alone.

    The encoder sees frames number 0, 1, 2 ... of a constant rate, which every encoder can count; the numbers are
    replaced by the true times when the packets are joined.
    """

    def __init__(self, video: EncoderSettings, from_rgb: FromRGB) -> None:
        self._video, self._from_rgb, self._context = video, from_rgb, video.open()
        self._count, self._carrier = 0, Carrier()

    def encode(self, pixels: Pixels, carries: Any = None) -> Iterator[Packet]:
        """Encodes the next frame, uint8 or uint16 (H, W, 3), and returns the packets that are ready.

        Args:
            carries: a source frame with captions and marks to copy.
        """
        frame = self._from_rgb(pixels[: self._video.height, : self._video.width])
        if carries is not None and self._video.codec in CARRYING:
            frame = self._carrier(frame, carries)
        frame.pts, frame.time_base = self._count, self._context.time_base
        self._count += 1
        return self._packets(frame)

    def finish(self) -> Iterator[Packet]:
        """The remaining packets."""
        return self._packets(None)

    def _packets(self, frame: Any) -> Iterator[Packet]:
        for packet in self._context.encode(frame):
            yield Packet(bytes(packet), packet.pts, packet.is_keyframe)


def _codec(name: str) -> Any:
    """A video encoder; None if the name is unknown."""
    try:
        codec = av.codec.Codec(name, "w")
    except ValueError:
        return None
    return codec if codec.type == "video" else None


def _options(encoding: Encoding) -> dict[str, str]:
    crf = _CRF.get(encoding.codec) if encoding.crf is None else encoding.crf
    preset = encoding.preset or _PRESET.get(encoding.codec)
    options = {"crf": None if crf is None else f"{crf:g}", "preset": preset}
    return {name: value for name, value in options.items() if value is not None}


def _own_options(codec: str) -> dict[str, str]:
    """Encoder options that users cannot set."""
    if codec == "libx265":
        return {"x265-params": "log-level=none"}
    if codec.startswith("libx264") and _has_avx512():
        # With AVX-512, x264's output varies from run to run (core 165); with AVX2 it does not.
        return {"x264-params": "asm=avx2"}
    return {}


def _has_avx512() -> bool:
    """NumPy detects the processor at import, but has no public name for the result."""
    core = sys.modules.get("numpy._core._multiarray_umath") or sys.modules.get("numpy.core._multiarray_umath")
    return bool(getattr(core, "__cpu_features__", {}).get("AVX512_SKX"))


def _require_settings(encoding: Encoding) -> None:
    """Raises a ConfigError for settings that an encoder would clip or refuse with an unclear message."""
    name, crf, preset = encoding.codec, encoding.crf, encoding.preset
    most, presets = _MOST_CRF.get(name), _PRESETS.get(name)
    if crf is not None and most and not 0 <= crf <= most:
        raise ConfigError(f"`crf={crf:g}`: must be from 0 (best) to {most} (smallest) for {name}")
    if preset is not None and presets and preset not in presets:
        raise ConfigError(f"`preset={preset}`: {name} has {', '.join(presets)}")


def _pixel_format(codec: Any, asked: str | None, source: str) -> str:
    """The requested pixel format, or the one closest to the source: first by chroma, then by bit depth."""
    offered = [video_format.name for video_format in codec.video_formats or ()]
    if asked:
        if asked not in offered:
            raise ConfigError(f"`pix_fmt={asked}`: {codec.name} supports {', '.join(offered)}")
        return asked
    given = av.VideoFormat(source)
    lossless = codec.lossless and not codec.lossy
    wanted = [source, "bgr0", "gbrp", "rgb24"] if given.is_rgb and lossless else []
    depths = [bits for bits in (depth(given), 12, 10, 8) if bits <= max(depth(given), 8)]
    for layout in dict.fromkeys((_chroma(given), "420", "422", "444")):
        wanted += [f"yuv{layout}p{'' if bits <= 8 else f'{bits}le'}" for bits in depths]
    return next((name for name in wanted if name in offered), offered[0] if offered else "yuv420p")


def _chroma(video_format: Any) -> str:
    """The chroma layout to keep; 4:2:0, which all players support, for grey and RGB."""
    if video_format.is_rgb or len(video_format.components) < 3 or video_format.has_palette:
        return "420"
    sides = video_format.chroma_width(8), video_format.chroma_height(8)
    return {(8, 8): "444", (4, 8): "422", (8, 4): "440", (4, 4): "420", (2, 8): "411", (2, 2): "410"}.get(sides, "420")
