"""Upscales a video.

    reading thread    decode frame k + 1, RGB
    caller's thread   the network on frame k; a frame equal to the one before reuses its result
    writing thread    YUV, encode frame k - 1

Results are encoded in independent segments beside the target, so that an interrupted run continues with the first
unfinished one. At the end, the segments are joined without re-encoding.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

from elansr.errors import ConfigError, ElansrError
from elansr.images import Pixels
from elansr.text import shown
from elansr.upscaling import Choice, Condition, Evidence, TiledNetwork, measure, weights_for
from elansr.video.containers import TURNING, container_of
from elansr.video.encoding import EncoderSettings, Encoding
from elansr.video.frames import FromRGB, Orientation, orientation_of, scaled
from elansr.video.muxing import Muxer
from elansr.video.segments import SEGMENT, BackgroundThread, Segments, SegmentWriter
from elansr.video.video_file import Frame, VideoFile
from elansr.video.views import CARRYING
from elansr.weights.released import RELEASED, is_path

DEFAULT_SCALE = 2
LOOKED_AT = 25
"""Maximum number of frames examined to choose the weights."""
AHEAD, BEHIND = 4, 4
"""Maximum number of frames waiting before and after the network."""

Progress = Callable[[int, int], None]
"""Called with the number of frames done and the total."""
_LOG = logging.getLogger(__name__)
_SETTINGS = {"source": "the video", "video": "how it is encoded", "tta": "the self-ensemble (tta)"}
"""Names of settings in messages, if different."""


@dataclass(frozen=True)
class VideoResult:
    """A video that was written.

    Attributes:
        seconds: duration of this run, without interrupted ones.
        frames: number of frames.
        repeated: number of frames that reused the result of the one before.
        input_size, output_size: width and height, as stored.
        notes: what was dropped.
    """

    source: Path
    target: Path
    seconds: float
    frames: int
    repeated: int
    input_size: tuple[int, int]
    output_size: tuple[int, int]
    codec: str
    pix_fmt: str
    notes: tuple[str, ...]


def choose_weights(model: str, scale: int | None, source: VideoFile, strength: float | None = None) -> Choice:
    """The weights for a video.

    Args:
        model: as `-n` of `elansr upscale`; "auto" chooses -real weights, unless the codec is lossless and the first
            frames are neither noisy nor soft.
        scale: of the network; None for that of the weights, or 2 if there are several.
        strength: see `Choice`.

    Raises:
        WeightsError: an unknown name, or a scale without weights.
    """
    if scale is None and not (is_path(model) or model in RELEASED):
        scale = DEFAULT_SCALE
    facts = source.facts
    evidence = Evidence(
        facts.codec, not facts.lossless, condition=_condition(source) if facts.lossless else Condition()
    )
    return weights_for(model, scale, evidence, strength)


def _condition(source: VideoFile) -> Condition:
    """Noise and sharpness of the first frame that is not too flat; empty if all of the first `LOOKED_AT` are."""
    frames = islice(source.frames(), LOOKED_AT)
    found = (measure(frame.pixels) for frame in frames)
    return next((condition for condition in found if None not in condition), Condition())


def upscale_video(
    source: VideoFile,
    target: Path,
    upscaler: TiledNetwork,
    encoding: Encoding | None = None,
    *,
    overwrite: bool = False,
    on_progress: Progress | None = None,
) -> VideoResult:
    """Upscales a video; the result is written completely or not at all.

    Args:
        target: file to write; its extension determines the container.
        on_progress: called after each frame, in the caller's thread.

    Raises:
        KeyboardInterrupt: its message says how many frames are kept, and where.
        OutputExistsError: the target exists and `overwrite` is off.
        ElansrError: the video cannot be read, upscaled, encoded or written.
    """
    if os.path.exists(target) and target.samefile(source.path):
        raise ConfigError(f"{shown(target)}: is the input; choose another name")
    return _VideoJob(source, target, upscaler, encoding or Encoding(), overwrite, on_progress).run()


class _VideoJob:
    """The work on one video."""

    def __init__(
        self,
        source: VideoFile,
        target: Path,
        upscaler: TiledNetwork,
        encoding: Encoding,
        overwrite: bool,
        on_progress: Progress | None,
    ) -> None:
        self._started, about = time.perf_counter(), source.facts
        self._source, self._target, self._upscaler, self._on_progress = source, target, upscaler, on_progress
        carried = container_of(target) in TURNING
        self._turn = Orientation() if carried or about.matrix is None else orientation_of(about.matrix)
        self._full = self._turn.size(about.width * upscaler.scale, about.height * upscaler.scale)
        aspect = 1 / about.aspect if about.aspect and self._turn.swaps else about.aspect
        encoding = encoding.chosen_for(container_of(target))
        self._video = EncoderSettings(encoding, about.pix_fmt, self._full, about.rate, aspect, about.colors)
        matrix = scaled(about.matrix, upscaler.scale) if about.matrix and carried else None
        self._muxer = Muxer(target, source, self._video, matrix, overwrite)
        self.notes = (*about.notes, *self._muxer.notes, *self._own_notes())
        self._total = about.frames

    def run(self) -> VideoResult:
        """Creates the missing segments and joins all."""
        for note in self.notes:
            _LOG.warning("%s: %s", shown(self._source.path), note)
        with Segments(self._target, self._settings()) as segments:
            self._announce(segments)
            try:
                if not segments.complete:
                    self._upscale(segments)
                packets = [packet for segment in segments.finished for packet in segment.packets]
                self._muxer.write(packets, segments.data(), lambda: self._tell(segments.frames))
            except KeyboardInterrupt:
                kept = f"{shown(self._target)}: {self._kept(segments)}; run the same command again to continue"
                raise KeyboardInterrupt(kept if segments.frames else "") from None
            except ElansrError as error:
                if not segments.frames:
                    raise
                raise type(error)(f"{error}; {self._kept(segments)}") from error
            segments.remove()
        return self._result(segments)

    def _kept(self, segments: Segments) -> str:
        return f"{segments.frames} of {self._total} frames are kept in {shown(segments.folder)}"

    def _result(self, segments: Segments) -> VideoResult:
        about, video = self._source.facts, self._video
        return VideoResult(
            self._source.path,
            self._target,
            time.perf_counter() - self._started,
            segments.frames,
            sum(segment.repeated for segment in segments.finished),
            (about.width, about.height),
            (video.width, video.height),
            video.codec,
            video.pix_fmt,
            self.notes,
        )

    def _own_notes(self) -> Iterator[str]:
        about, mp4 = self._source.facts, container_of(self._target) in TURNING
        if about.captions and self._video.codec not in CARRYING:
            yield "captions (CEA-608/708) dropped; libx264 keeps them"
        yield from about.view.losses(self._video.codec, mp4)
        if (size := (self._video.width, self._video.height)) != self._full:
            cut = "{}x{} instead of {}x{}".format(*size, *self._full)
            yield f"the result is {cut}: {self._video.pix_fmt} needs an even width and height; yuv444p keeps all pixels"
        if self._turn != Orientation():
            yield f"the frames are rotated upright, as few players apply rotation tags of {self._target.suffix}"

    def _settings(self) -> dict[str, Any]:
        """The settings that determine the segments."""
        about = self._source.path.stat()
        source = [str(self._source.path.resolve()), about.st_size, about.st_mtime_ns]
        video = [*self._video.fingerprint(), list(self._turn), SEGMENT]
        return {"source": source, "video": video, **self._upscaler.fingerprint()}

    def _announce(self, segments: Segments) -> None:
        if segments.changed:
            changed = ", ".join(_SETTINGS.get(name, name) for name in segments.changed)
            _LOG.warning("%s: starting over, changed since the interrupted run: %s", shown(self._target), changed)
        if segments.frames:
            _LOG.warning("%s: continuing after %d frames", shown(self._target), segments.frames)
        self._tell(segments.frames)

    def _tell(self, done: int) -> None:
        self._total = max(self._total, done)
        if self._on_progress:
            self._on_progress(done, self._total)

    def _upscale(self, segments: Segments) -> None:
        """Creates the missing segments."""
        after = segments.finished[-1].last if segments.finished else None
        writer = SegmentWriter(self._video, segments, FromRGB(self._source.facts.colors, self._video.pix_fmt))
        with BackgroundThread("elansr-read") as reading, BackgroundThread("elansr-write") as writing:
            frames = reading.ahead(self._source.frames(after), AHEAD)
            for frame, result in self._results(frames, segments.frames):
                writing.behind(BEHIND, writer.add, frame, self._turn(result))
            writing.behind(0, writer.end)

    def _results(self, frames: Iterator[Frame], done: int) -> Iterator[tuple[Frame, Pixels]]:
        """Yields frames with their results; a frame equal to the one before reuses its result."""
        most = self._upscaler.together(self._source.facts.height, self._source.facts.width)
        last: Pixels | None = None
        while group := list(islice(frames, most)):
            new = [number for number, frame in enumerate(group) if not (frame.same and (number or last is not None))]
            results = dict(zip(new, self._upscaler.many([group[number].pixels for number in new]), strict=True))
            for number, frame in enumerate(group):
                last = results.pop(number) if number in results else last
                yield frame, cast(Pixels, last)
                done += 1
                self._tell(done)
