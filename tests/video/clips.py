"""Tiny videos, made by PyAV, and what is in a file, read by PyAV."""

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

RATE, BASE = 25, Fraction(1, 12800)
SAMPLES = 1024
"""Of a frame of AAC."""


class Nearest:
    """An upscaler that repeats pixels, and counts the pictures that it was given."""

    def __init__(self, scale: int = 2, together: int = 1) -> None:
        self.scale, self.seen, self._together = scale, 0, together

    def many(self, pictures: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        self.seen += len(pictures)
        return [picture.repeat(self.scale, 0).repeat(self.scale, 1) for picture in pictures]

    def together(self, height: int, width: int) -> int:
        return self._together

    def fingerprint(self) -> dict[str, Any]:
        return {"weights": "nearest", "scale": self.scale}


def pictures(count: int, height: int = 32, width: int = 48, seed: int = 0) -> NDArray[np.uint8]:
    """Blocks of 8x8 pixels of random colours, each picture another: (count, H, W, 3)."""
    blocks = np.random.default_rng(seed).integers(0, 256, (count, -(-height // 8), -(-width // 8), 3), dtype=np.uint8)
    return blocks.repeat(8, 1).repeat(8, 2)[:, :height, :width]


def write(
    path: Path,
    frames: NDArray[Any] | None = None,
    *,
    times: Sequence[int] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    base: Fraction = BASE,
    audio: str | None = None,
    subtitle: str | None = None,
    late: int = 0,
    settings: dict[str, Any] | None = None,
) -> Path:
    """Writes a clip: 12 frames unless they are given, a tone as long, starting `late` audio samples later."""
    frames = pictures(12) if frames is None else frames
    times = [round(n / RATE / base) for n in range(len(frames))] if times is None else times
    # The start of a stream is counted in units of the movie, which else are milliseconds.
    options = {"movie_timescale": "192000"} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", options=options) as output:
        video = output.add_stream(codec, rate=RATE)
        video.height, video.width = frames.shape[1:3]
        video.pix_fmt = pix_fmt
        video.codec_context.time_base = video.time_base = base
        for name, value in (settings or {}).items():
            setattr(video.codec_context, name, value)
        sound = output.add_stream(audio, rate=48000) if audio else None
        if sound is not None:
            sound.layout = "mono"
        text = output.add_mux_stream(subtitle) if subtitle else None
        if text is not None:
            text.time_base = Fraction(1, 1000)
        for pixels, time in zip(frames, times, strict=True):
            output.mux(video.encode(_frame(pixels, time, base)))
        output.mux(video.encode(None))
        if sound is not None:
            for n in range(len(frames) * 48000 // RATE // SAMPLES):
                output.mux(sound.encode(tone(n, late)))
            output.mux(sound.encode(None))
        if text is not None:
            output.mux(_line(text, subtitle, "a line", 100))
    return path


def _frame(pixels: NDArray[Any], time: int, base: Fraction) -> Any:
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24" if pixels.dtype == np.uint8 else "rgb48le")
    frame.pts, frame.time_base = time, base
    return frame


def tone(n: int, late: int = 0) -> Any:
    """A frame of audio."""
    wave = np.sin((np.arange(SAMPLES) + n * SAMPLES) / 17).astype(np.float32) / 4
    frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 48000, n * SAMPLES + late, Fraction(1, 48000)
    return frame


def _line(stream: Any, kind: str | None, text: str, time: int) -> Any:
    data = text.encode()
    packet = av.Packet(struct.pack(">H", len(data)) + data if kind == "mov_text" else data)
    packet.stream, packet.time_base = stream, Fraction(1, 1000)
    packet.pts = packet.dts = time
    packet.duration = 200
    packet.is_keyframe = True
    return packet


def turned(path: Path, matrix: Sequence[int]) -> Path:
    """Replaces the display matrix of an MP4 whose first track is the video."""
    data = path.read_bytes()
    plain = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    at = data.index(plain, data.index(b"tkhd"))
    path.write_bytes(data[:at] + struct.pack(">9i", *matrix) + data[at + len(plain) :])
    return path


class Packets(NamedTuple):
    """What a stream holds: times in seconds, bytes."""

    times: list[Fraction]
    data: list[bytes]


def packets(path: Path, kind: str) -> Packets:
    """The packets of the first stream of a kind."""
    with av.open(str(path)) as file:
        stream = next(stream for stream in file.streams if stream.type == kind)
        found = [packet for packet in file.demux(stream) if packet.size]
        return Packets([packet.pts * packet.time_base for packet in found], [bytes(packet) for packet in found])


class Shown(NamedTuple):
    """What a player shows: times in seconds, (N, H, W, 3) uint8, and the last frame as PyAV gives it."""

    times: list[Fraction]
    pixels: NDArray[np.uint8]
    last: Any


def shown(path: Path) -> Shown:
    """The frames of the first video stream."""
    with av.open(str(path)) as file:
        found = list(file.decode(video=0))
        times = [frame.pts * frame.time_base for frame in found]
        return Shown(times, np.stack([frame.to_ndarray(format="rgb24") for frame in found]), found[-1])
