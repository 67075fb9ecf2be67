"""Videos: what goes through unchanged, what an interrupt leaves, what is refused. The network is not the point here."""

import errno
import os
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from elansr.errors import ConfigError, ElansrError, OutputExistsError, PictureError
from elansr.images import Picture
from elansr.images import write as write_picture
from elansr.video import segments
from elansr.video.frame_pipeline import Encoding, VideoFile, VideoResult, choose_weights, upscale_video
from tests.video.clips import BASE, Nearest, packets, pictures, shown, tone, turned, write

UNEVEN = [300, 812, 1000, 1015, 2600, 2700, 4000, 4513, 5000, 7000, 7017, 7500]
"""Times of 12 frames, in units of `BASE`."""
LOSSLESS = Encoding("ffv1")
TURNED = {
    90: (0, 1 << 16, 0, -(1 << 16), 0, 0, 32 << 16, 0, 1 << 30),
    180: (-(1 << 16), 0, 0, 0, -(1 << 16), 0, 48 << 16, 32 << 16, 1 << 30),
    270: (0, -(1 << 16), 0, 1 << 16, 0, 0, 0, 48 << 16, 1 << 30),
}
"""Display matrices by degrees clockwise, for a picture of 48x32 pixels."""


def upscaled(source: Path, target: Path, encoding: Encoding | None = None, **more: Any) -> VideoResult:
    upscaler = more.pop("upscaler", None) or Nearest()
    return upscale_video(VideoFile(source), target, upscaler, encoding, **more)


@pytest.mark.parametrize("late", [0, 2048])
@pytest.mark.parametrize("container", ["mp4", "mov", "mkv"])
def test_every_time_is_kept_and_the_audio_is_the_same_to_the_bit(tmp_path: Path, container: str, late: int) -> None:
    """Uneven times, a start after 0, B frames, a tone with priming or one that starts later than the video."""
    source = write(tmp_path / f"a.{container}", times=UNEVEN, audio="aac", late=late)
    result = upscaled(source, tmp_path / f"b.{container}")
    given, made = shown(source), shown(tmp_path / f"b.{container}")
    assert (result.frames, result.repeated, result.notes) == (12, 0, ())
    if container != "mkv":
        assert [time / BASE for time in given.times] == UNEVEN
    assert made.times == given.times
    assert packets(tmp_path / f"b.{container}", "audio") == packets(source, "audio")
    assert made.pixels.shape == (12, 64, 96, 3)
    assert np.abs(made.pixels[:, 8::16, 8::16].astype(int) - given.pixels[:, 4::8, 4::8]).mean() < 2


def test_from_one_container_to_another_sound_and_picture_stay_together(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4", times=UNEVEN, audio="aac")
    upscaled(source, tmp_path / "b.mkv")
    times = [shown(path).times[0] - packets(path, "audio").times[0] for path in (source, tmp_path / "b.mkv")]
    assert abs(times[0] - times[1]) <= Fraction(1, 1000)  # Matroska counts milliseconds
    assert packets(tmp_path / "b.mkv", "audio").data == packets(source, "audio").data


def test_times_of_a_transport_stream_start_at_zero(tmp_path: Path) -> None:
    times = [450_000 + 3600 * n for n in range(12)]
    source = write(tmp_path / "a.ts", times=times, audio="aac", base=Fraction(1, 90000), late=5 * 48000)
    upscaled(source, tmp_path / "b.mkv")
    given, made = shown(source).times, shown(tmp_path / "b.mkv").times
    assert given[0] > 1
    assert made[0] < Fraction(1, 10)
    assert all(abs((a - given[0]) - (b - made[0])) <= Fraction(1, 1000) for a, b in zip(given, made, strict=True))


@pytest.mark.parametrize(
    ("container", "kind", "target"), [("mkv", "subrip", "mkv"), ("mp4", "mov_text", "mp4"), ("mkv", "subrip", "mp4")]
)
def test_subtitles_are_copied_where_the_container_takes_them(
    tmp_path: Path, container: str, kind: str, target: str
) -> None:
    source = write(tmp_path / f"a.{container}", subtitle=kind)
    result = upscaled(source, tmp_path / f"b.{target}")
    if container == target:
        assert packets(tmp_path / f"b.{target}", "subtitle") == packets(source, "subtitle")
        assert result.notes == ()
    else:
        assert result.notes == ("subtitle stream 1 (srt) cannot be stored in mp4 and is dropped",)


def test_names_languages_and_chapters_are_kept(tmp_path: Path) -> None:
    plain, source = write(tmp_path / "plain.mkv", audio="aac"), tmp_path / "a.mkv"
    chapter = {"id": 1, "start": 0, "end": 200, "time_base": Fraction(1, 1000), "metadata": {"title": "first"}}
    with av.open(str(plain)) as given, av.open(str(source), "w") as made:
        streams = [made.add_stream_from_template(stream, opaque=True) for stream in given.streams]
        made.metadata["title"] = "a clip"
        streams[1].metadata["language"] = "fin"
        made.set_chapters([chapter])
        for packet in given.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                made.mux(packet)
    upscaled(source, tmp_path / "b.mkv")
    with av.open(str(tmp_path / "b.mkv")) as result:
        assert result.metadata["title"] == "a clip"
        assert result.streams[1].language == "fin"
        assert [(c["start"] * c["time_base"], c["metadata"]) for c in result.chapters()] == [(0, {"title": "first"})]


@pytest.mark.parametrize("degrees", TURNED)
def test_a_turned_video_stays_turned(tmp_path: Path, degrees: int) -> None:
    source = turned(write(tmp_path / "a.mp4"), TURNED[degrees])
    upscaled(source, tmp_path / "b.mp4")
    given, made = shown(source).last, shown(tmp_path / "b.mp4").last
    assert (made.width, made.height) == (96, 64)
    assert made.rotation == given.rotation != 0
    matrix = np.frombuffer(bytes(made.side_data["DISPLAYMATRIX"]), np.int32)
    assert tuple(matrix) == tuple(value * 2 if n in (6, 7) else value for n, value in enumerate(TURNED[degrees]))


@pytest.mark.parametrize("degrees", TURNED)
def test_where_players_would_not_turn_it_the_frames_are(tmp_path: Path, degrees: int) -> None:
    source = turned(write(tmp_path / "a.mp4"), TURNED[degrees])
    result = upscaled(source, tmp_path / "b.mkv", LOSSLESS)
    upright = np.rot90(shown(source).pixels, -degrees // 90, axes=(1, 2)).repeat(2, 1).repeat(2, 2)
    made = shown(tmp_path / "b.mkv")
    assert "rotated upright" in result.notes[0]
    assert made.last.rotation == 0
    assert np.abs(made.pixels[:, 8::16, 8::16].astype(int) - upright[:, 8::16, 8::16]).mean() < 2


def test_ten_bits_and_the_tags_of_hdr_are_kept(tmp_path: Path) -> None:
    tags = {"color_range": 1, "color_primaries": 9, "color_trc": 16, "colorspace": 9}
    source = write(tmp_path / "a.mp4", pictures(3).astype(np.uint16) * 257, pix_fmt="yuv420p10le", settings=tags)
    result = upscaled(source, tmp_path / "b.mp4")
    made = shown(tmp_path / "b.mp4").last
    assert result.pix_fmt == made.format.name == "yuv420p10le"
    assert {name: int(getattr(made, name)) for name in tags} == tags


@pytest.mark.parametrize(("suffix", "codec"), [("webm", "vp9"), ("mkv", "h264"), ("mov", "h264")])
def test_a_container_gets_a_codec_that_it_takes(tmp_path: Path, suffix: str, codec: str) -> None:
    source = write(tmp_path / "a.mp4", pictures(2))
    upscale_video(VideoFile(source), tmp_path / f"b.{suffix}", Nearest(2))
    with av.open(str(tmp_path / f"b.{suffix}")) as made:
        assert made.streams.video[0].codec_context.name.removeprefix("lib").startswith(codec)


@pytest.mark.parametrize("suffix", ["mov", "mp4", "mkv"])
def test_a_time_code_is_kept_and_not_named_as_lost(tmp_path: Path, suffix: str) -> None:
    with av.open(str(tmp_path / "a.mov"), "w") as made:
        stream = made.add_stream("libx264", rate=25, pix_fmt="yuv420p", width=48, height=32)
        stream.metadata["timecode"] = "01:00:00:00"
        made.mux(stream.encode(av.VideoFrame(48, 32, "yuv420p")))
        made.mux(stream.encode())
    with av.open(str(tmp_path / "a.mov")) as given:
        assert [stream.type for stream in given.streams] == ["video", "data"]
    result = upscaled(tmp_path / "a.mov", tmp_path / f"b.{suffix}")
    assert result.notes == ()
    with av.open(str(tmp_path / f"b.{suffix}")) as made:
        tags = {name.lower(): value for name, value in made.streams.video[0].metadata.items()}
        assert tags["timecode"] == "01:00:00:00"


@pytest.mark.parametrize(("height", "matrix"), [(32, 6), (592, 1)])
def test_what_a_file_leaves_open_is_filled_in_as_players_do(tmp_path: Path, height: int, matrix: int) -> None:
    """So a small video does not change its colours when it becomes large enough for the other matrix."""
    source = write(tmp_path / "a.mp4", pictures(1, height))
    upscaled(source, tmp_path / "b.mp4")
    assert int(shown(source).last.colorspace) == 2
    assert int(shown(tmp_path / "b.mp4").last.colorspace) == matrix


@pytest.mark.parametrize("codec", ["mpeg4", "ffv1"])
def test_codecs_that_do_not_tell_colours_leave_it_to_the_container(tmp_path: Path, codec: str) -> None:
    source = write(tmp_path / "a.mp4", pictures(2), settings={"colorspace": 1})
    for suffix in ("mp4", "mkv"):
        upscaled(source, tmp_path / f"b.{suffix}", Encoding(codec))
        assert int(shown(tmp_path / f"b.{suffix}").last.colorspace) == 1


@pytest.mark.parametrize("tags", [{"colorspace": 1, "color_range": 1}, {"colorspace": 6, "color_range": 2}])
def test_samples_come_back_as_they_were(tmp_path: Path, tags: dict[str, int]) -> None:
    inside = pictures(12) // 2 + 64  # no corner of RGB, where rounding leads out of it
    source = write(tmp_path / "a.mkv", inside, codec="ffv1", pix_fmt="yuv444p", settings=tags)
    upscaled(source, tmp_path / "b.mkv", LOSSLESS)
    with av.open(str(source)) as given, av.open(str(tmp_path / "b.mkv")) as made:
        for a, b in zip(given.decode(video=0), made.decode(video=0), strict=True):
            large = a.to_ndarray().repeat(2, 1).repeat(2, 2).astype(int)
            assert np.abs(b.to_ndarray().astype(int) - large).max() <= 2  # 8 bits of RGB lie between


@pytest.mark.parametrize(("scale", "size"), [(2, (94, 66)), (3, (140, 98))])
def test_odd_sides_lose_a_line_where_chroma_needs_even_ones(tmp_path: Path, scale: int, size: tuple[int, int]) -> None:
    source = write(tmp_path / "a.mkv", pictures(2, 33, 47), codec="ffv1", pix_fmt="yuv444p")
    small = upscaled(source, tmp_path / "b.mp4", Encoding(pix_fmt="yuv420p"), upscaler=Nearest(scale))
    assert small.output_size == size
    assert any("yuv420p needs" in note for note in small.notes) == (scale == 3)
    whole = upscaled(source, tmp_path / "c.mp4", upscaler=Nearest(scale))
    assert (whole.output_size, whole.notes) == ((47 * scale, 33 * scale), ())


def test_the_shape_of_pixels_is_kept(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4", pictures(2), settings={"sample_aspect_ratio": Fraction(16, 15)})
    upscaled(source, tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as made:
        assert made.streams.video[0].sample_aspect_ratio == Fraction(16, 15)


@pytest.mark.parametrize("together", [1, 5])
def test_repeated_frames_go_through_the_network_once(tmp_path: Path, together: int) -> None:
    order = [0, 0, 0, 1, 1, 2, 0]
    source = write(tmp_path / "a.mkv", pictures(3)[order], codec="ffv1", pix_fmt="yuv444p")
    upscaler = Nearest(together=together)
    result = upscaled(source, tmp_path / "b.mkv", LOSSLESS, upscaler=upscaler)
    made = shown(tmp_path / "b.mkv").pixels
    assert (upscaler.seen, result.repeated, len(made)) == (4, 3, 7)
    assert [next(n for n in range(7) if np.array_equal(made[n], frame)) for frame in made] == [0, 0, 0, 3, 3, 5, 0]


@pytest.mark.parametrize("codec", ["libx265", "libvpx-vp9", "libsvtav1", "ffv1", "mpeg4", "prores_ks"])
def test_codecs(tmp_path: Path, codec: str) -> None:
    source = write(tmp_path / "a.mp4", times=UNEVEN)
    upscaled(source, tmp_path / "b.mkv", Encoding(codec))
    made = shown(tmp_path / "b.mkv")
    given = [Fraction(round(1000 * time), 1000) for time in shown(source).times]
    assert [abs(a - b) <= Fraction(1, 1000) for a, b in zip(made.times, given, strict=True)] == [True] * 12
    with av.open(str(tmp_path / "b.mkv")) as file:
        assert file.streams.video[0].codec_context.codec.canonical_name == av.codec.Codec(codec, "w").canonical_name


class _StopAt:
    """Progress that ends the run as Ctrl-C does."""

    def __init__(self, frame: int) -> None:
        self._frame, self.first = frame, -1

    def __call__(self, done: int, total: int) -> None:
        self.first = done if self.first < 0 else self.first
        if done == self._frame:
            raise KeyboardInterrupt


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of 5 frames."""
    monkeypatch.setattr(segments, "SEGMENT", 5)


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize(("stop", "kept"), [(18, 10), (24, 15), (2, 0)])
@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "ffv1"), ("mkv", "ffv1"), ("mp4", "libx264")])
def test_an_interrupted_run_ends_in_the_same_file(
    tmp_path: Path, suffix: str, codec: str, stop: int, kept: int
) -> None:
    """24 frames, key frames at 0 and 12, so that segments start between them and are found by decoding from there."""
    times = [n * 512 + n % 3 * 100 for n in range(24)]
    source = write(tmp_path / f"a.{suffix}", pictures(24), times=times, audio="aac", settings={"gop_size": 12})
    upscaled(source, tmp_path / f"whole.{suffix}", Encoding(codec))
    target = tmp_path / f"b.{suffix}"
    with pytest.raises(KeyboardInterrupt) as stopped:
        upscaled(source, target, Encoding(codec), on_progress=_StopAt(stop))
    assert not target.exists()
    left = list(tmp_path.glob(".elansr-*.segments"))
    again, upscaler = _StopAt(-1), Nearest()
    upscaled(source, target, Encoding(codec), upscaler=upscaler, on_progress=again)
    assert again.first >= kept
    assert upscaler.seen == 24 - again.first
    if kept:
        assert f"{again.first} of 24 frames are kept in {left[0]}; " in str(stopped.value)
    assert packets(target, "video") == packets(tmp_path / f"whole.{suffix}", "video")
    assert shown(target).times == shown(source).times
    assert packets(target, "audio") == packets(source, "audio")
    assert not list(tmp_path.glob(".elansr-*"))


@pytest.mark.usefixtures("_short")
def test_other_settings_begin_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source, target = write(tmp_path / "a.mp4"), tmp_path / "b.mp4"
    with pytest.raises(KeyboardInterrupt):
        upscaled(source, target, on_progress=_StopAt(11))
    again = _StopAt(-1)
    upscaled(source, target, Encoding(crf=30), on_progress=again)
    assert again.first == 0
    assert "changed since the interrupted run: how it is encoded" in caplog.text


@pytest.mark.usefixtures("_short")
def test_a_full_disk_ends_in_one_line_and_the_finished_segments_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = write(tmp_path / "a.mp4"), tmp_path / "b.mp4"
    add = segments.Segments.add

    def full(self: segments.Segments, *arguments: Any) -> None:
        if self.finished:
            monkeypatch.setattr(os, "fsync", no_space)
        add(self, *arguments)

    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(segments.Segments, "add", full)
        with pytest.raises(PictureError, match=r"b\.mp4: .*No space left on device"):
            upscaled(source, target)
    monkeypatch.undo()
    monkeypatch.setattr(segments, "SEGMENT", 5)
    again = _StopAt(-1)
    upscaled(source, target, on_progress=again)
    assert again.first == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def _half(tmp_path: Path, suffix: str) -> Path:
    whole = write(tmp_path / f"whole.{suffix}", pictures(60), settings={"options": {"crf": "1"}}).read_bytes()
    moved = whole
    if suffix == "mp4":  # as a download is cut: the table first, the end missing
        with av.open(str(tmp_path / "whole.mp4")) as given:
            fast = {"movflags": "+faststart"}
            with av.open(str(tmp_path / "fast.mp4"), "w", options=fast) as made:
                stream = made.add_stream_from_template(given.streams.video[0], opaque=True)
                for packet in given.demux():
                    if packet.size:
                        packet.stream = stream
                        made.mux(packet)
        moved = (tmp_path / "fast.mp4").read_bytes()
    path = tmp_path / f"half.{suffix}"
    path.write_bytes(moved[: len(moved) // 2])
    return path


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "flv"])
def test_a_truncated_video_is_refused_before_the_work(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(PictureError, match=f"half.{suffix}: truncated: .*; download it again"):
        VideoFile(_half(tmp_path, suffix))


def test_a_transport_stream_that_ends_inside_a_packet_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It announces nothing, so that no more can be known of it."""
    whole = write(tmp_path / "a.ts", times=[3600 * n for n in range(12)], base=Fraction(1, 90000))
    VideoFile(whole)
    assert caplog.text == ""
    half = tmp_path / "half.ts"
    half.write_bytes(whole.read_bytes()[: 188 * (whole.stat().st_size // 376) + 100])
    VideoFile(half)
    assert f"{half}: may be truncated" in caplog.text


@pytest.mark.usefixtures("_short")
def test_damage_inside_says_when_it_is_and_what_is_kept(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4", pictures(60), settings={"gop_size": 10})
    with av.open(str(source)) as given:
        entry = given.streams.video[0].index_entries[40]
    data = bytearray(source.read_bytes())
    data[entry.pos : entry.pos + entry.size] = b"\xff" * entry.size
    source.write_bytes(data)
    with pytest.raises(PictureError, match="damaged: no frame can be decoded after") as caught:
        upscaled(source, tmp_path / "b.mp4", LOSSLESS)
    found = re.search(r"after (\d\.\d\d) s \(.*\); .*; (\d+) of 60 frames are kept in (.*)$", str(caught.value))
    assert found is not None
    assert 1 <= float(found[1]) < 40 / 25
    assert 20 <= int(found[2]) <= 40
    assert [found[3]] == [str(path) for path in tmp_path.glob(".elansr-*.segments")]


def _sound(path: Path) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=48000)
        stream.layout = "mono"
        output.mux(stream.encode(tone(0)))
        output.mux(stream.encode(None))
    return path


def _text(path: Path) -> Path:
    path.write_text("no video")
    return path


def _picture(path: Path) -> Path:
    path = path.with_suffix(".png")
    write_picture(Picture((pictures(1)[0],)), path)
    return path


def _empty(path: Path) -> Path:
    path = path.with_suffix(".avi")
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width = stream.height = 32
        output.start_encoding()
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_sound, "has no video stream"),
        (_text, "cannot be read as a video"),
        (_empty, "no frame"),
        (_picture, "a picture, .*`elansr upscale`"),
        (lambda path: path, "not a file"),
        (lambda path: path.parent, "not a file"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path: Path, make: Callable[[Path], Path], words: str) -> None:
    with pytest.raises(PictureError, match=words):
        VideoFile(make(tmp_path / "a.mkv"))


@pytest.mark.parametrize(
    ("target", "encoding", "error", "words"),
    [
        ("b.avi", Encoding(), PictureError, "'.avi' is not one of .mp4, .m4v, .mov, .mkv, .webm"),
        ("missing/b.mp4", Encoding(), PictureError, "does not exist; create it first"),
        ("a.mp4", Encoding(), ConfigError, "a.mp4: is the input"),
        ("old.mp4", Encoding(), OutputExistsError, "old.mp4: "),
        ("b.mp4", Encoding("x264"), ConfigError, "codec 'x264': not a video encoder.*libx264"),
        ("b.mp4", Encoding("aac"), ConfigError, "codec 'aac': "),
        ("b.mp4", Encoding("ffv1", crf=3), ConfigError, "`crf=3`: ffv1"),
        ("b.mp4", Encoding(preset="quick"), ConfigError, "`preset=quick`: .*ultrafast, .*, placebo$"),
        ("b.mp4", Encoding("libsvtav1", preset="slow"), ConfigError, "`preset=slow`: .* 0, 1, .*, 13$"),
        ("b.mp4", Encoding(crf=99), ConfigError, "`crf=99`: .* 51 "),
        ("b.mp4", Encoding("libsvtav1", crf=64), ConfigError, "`crf=64`: .* 63 "),
        ("b.mp4", Encoding("libvpx-vp9", crf=-1), ConfigError, "`crf=-1`: .* 63 "),
        ("b.mkv", Encoding("gif"), PictureError, "matroska .* gif .* `codec`$"),
        ("b.mp4", Encoding(pix_fmt="yuv9p"), ConfigError, "`pix_fmt=yuv9p`: .*yuv420p, "),
        ("b.mov", Encoding("ffv1"), PictureError, "mov cannot hold this video as ffv1"),
        ("b.webm", Encoding("libvpx-vp9"), PictureError, r"audio stream 1 \(aac\) .* webm; write \.mkv"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, target: str, encoding: Encoding, error: type[ElansrError], words: str, capfd: Any
) -> None:
    source, upscaler = write(tmp_path / "a.mp4", audio="aac"), Nearest()
    (tmp_path / "old.mp4").write_bytes(b"old")
    with pytest.raises(error, match=words) as caught:
        upscaled(source, tmp_path / target, encoding, upscaler=upscaler)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")
    assert upscaler.seen == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "old.mp4"]
    assert (tmp_path / "old.mp4").read_bytes() == b"old"


def test_interlaced_video_is_said_to_be_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = {"options": {"x264-params": "tff=1"}, "flags": 1 << 18 | 1 << 22}
    source = write(tmp_path / "a.mp4", pictures(2), settings=settings)
    result = upscaled(source, tmp_path / "b.mp4")
    assert "interlaced: " in result.notes[0]
    assert result.notes[0] in caplog.text


def test_weights_follow_from_the_codec_and_the_scale(tmp_path: Path) -> None:
    lossy = VideoFile(write(tmp_path / "a.mp4", pictures(1)))
    lossless = VideoFile(write(tmp_path / "a.mkv", pictures(1), codec="ffv1"))
    assert choose_weights("auto", None, lossy)[:2] == ("elan-light-x2-real", "lossy h264")
    assert choose_weights("auto", 3, lossy)[:2] == ("elan-light-x3", "lossy h264, but no -real weights for x3")
    assert choose_weights("auto", 4, lossless)[:2] == ("elan-light-x4", "lossless ffv1")
    assert choose_weights("elan-light-x4", None, lossy)[:2] == ("elan-light-x4", "")
    assert choose_weights("elan-light", None, lossy)[:2] == ("elan-light-x2", "")
    assert choose_weights("auto", None, lossless, 0.5) == ("elan-light-x2-real", "", 0.5)


@pytest.mark.parametrize(
    "name", ["2024-05-06T12:30:15.mp4", "12:30 clip.mp4", "tcp:x.mp4", "file:x.mp4", "concat:a/b.mp4"]
)
def test_a_name_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(exist_ok=True)
    write(tmp_path / "clip.mp4").rename(name)
    for target in (Path(f"{name}_x2.mp4"), Path("http:") / "out.mp4"):
        target.parent.mkdir(exist_ok=True)
        upscaled(Path(name), target)
        assert len(shown(tmp_path / target).times) == 12


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="too long"):
        upscaled(write(tmp_path / "a.mp4"), tmp_path / f"{'x' * 252}.mp4")
