"""What a video has beside its pictures: kept where the container takes it, else named before the work."""

from pathlib import Path

import av
import numpy as np
import pytest

from elansr.errors import PictureError
from elansr.video.frame_pipeline import Encoding, VideoFile, VideoResult, upscale_video
from tests.video.clips import Nearest, packets, pictures, write

FONT = b"\0\1\0\0" + bytes(range(100))


def upscaled(source: Path, target: Path, codec: str = "libx264") -> VideoResult:
    return upscale_video(VideoFile(source), target, Nearest(), Encoding(codec))


def with_font(path: Path, kind: str) -> Path:
    """Two frames, a tone, a subtitle and a font, as films with styled subtitles have it."""
    plain = write(path.with_stem("plain"), pictures(2), audio="aac", subtitle="subrip")
    with av.open(str(plain)) as given, av.open(str(path), "w") as made:
        streams = [made.add_stream_from_template(stream, opaque=True) for stream in given.streams]
        made.add_attachment("a.ttf", kind, FONT)
        for packet in given.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                made.mux(packet)
    return path


@pytest.mark.parametrize("kind", ["application/x-truetype-font", "font/ttf"])
def test_a_font_is_kept_in_matroska_and_named_elsewhere(tmp_path: Path, kind: str) -> None:
    source = with_font(tmp_path / "a.mkv", kind)
    notes = upscaled(source, tmp_path / "b.mp4").notes
    assert [note.partition(" (")[0] for note in notes] == ["subtitle stream 2", "attachment stream 3"]
    assert notes[1].endswith(" cannot be stored in mp4 and is dropped")
    assert packets(tmp_path / "b.mp4", "audio").data == packets(source, "audio").data
    assert upscaled(source, tmp_path / "b.mkv").notes == ()
    with av.open(str(tmp_path / "b.mkv")) as made:
        (font,) = [stream for stream in made.streams if stream.type == "attachment"]
        assert (font.name, font.mimetype, font.data) == ("a.ttf", kind, FONT)


def test_webm_forgets_no_font_in_silence(tmp_path: Path) -> None:
    source = with_font(tmp_path / "a.mkv", "font/ttf")
    silent = tmp_path / "silent.mkv"
    with av.open(str(source)) as given, av.open(str(silent), "w") as made:
        stream = made.add_stream_from_template(given.streams.video[0], opaque=True)
        made.add_attachment("a.ttf", "font/ttf", FONT)
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = stream
                made.mux(packet)
    (note,) = upscaled(silent, tmp_path / "b.webm", "libvpx-vp9").notes
    assert note.startswith("attachment stream 1 (")


def with_samples(path: Path, layout: str, channels: int) -> Path:
    """Two frames, and bare samples of which Matroska does not say for which loudspeaker they are."""
    samples = np.random.default_rng(0).integers(-9999, 9999, (1, channels * 4000), dtype=np.int16)
    with av.open(str(write(path.with_stem("plain"), pictures(2)))) as given, av.open(str(path), "w") as made:
        video = made.add_stream_from_template(given.streams.video[0], opaque=True)
        sound = made.add_stream("pcm_s16le", rate=48000)
        sound.layout = layout
        for packet in given.demux():
            if packet.size:
                packet.stream = video
                made.mux(packet)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
        frame.sample_rate = 48000
        made.mux(sound.encode(frame))
    with av.open(str(path)) as written:
        assert written.streams.audio[0].layout.name == f"{channels} channels"
    return path


@pytest.mark.parametrize(("layout", "channels"), [("stereo", 2), ("5.1", 6)])
def test_bare_samples_of_matroska_go_into_mp4(tmp_path: Path, layout: str, channels: int) -> None:
    """MP4 has to say for which loudspeaker they are."""
    source = with_samples(tmp_path / "a.mkv", layout, channels)
    assert upscaled(source, tmp_path / "b.mp4").notes == ()
    assert b"".join(packets(tmp_path / "b.mp4", "audio").data) == b"".join(packets(source, "audio").data)
    with av.open(str(tmp_path / "b.mp4")) as made:
        assert made.streams.audio[0].layout.name == layout


def test_what_only_the_end_of_a_file_would_refuse_is_refused_before_the_work(tmp_path: Path) -> None:
    """MP4's table of contents, written last, has no word for nine channels."""
    source, upscaler = with_samples(tmp_path / "a.mkv", "9 channels", 9), Nearest()
    with pytest.raises(PictureError, match=r"audio stream 1 \(pcm_s16le\) .* mp4; write \.mkv"):
        upscale_video(VideoFile(source), tmp_path / "b.mp4", upscaler)
    assert upscaler.seen == 0
    assert upscaled(source, tmp_path / "b.mkv").notes == ()
