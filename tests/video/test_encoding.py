"""Encoders: equal frames make equal packets."""

from fractions import Fraction
from pathlib import Path

import pytest

from elansr.images import read
from elansr.video.encoding import Encoder, EncoderSettings, Encoding, Packet
from elansr.video.frames import Colors, FromRGB

PHOTO = Path(__file__).resolve().parents[2] / "examples" / "otter.jpg"
COLORS = Colors(6, 1, 2, 2)


def encoded(codec: str) -> list[Packet]:
    """A slow pan over a photo, 20 frames of 240x176."""
    photo = read(PHOTO).pixels.repeat(2, 0).repeat(2, 1)
    video = EncoderSettings(Encoding(codec), "yuv420p", (240, 176), Fraction(25), None, COLORS)
    encoder = Encoder(video, FromRGB(COLORS, "yuv420p"))
    made = [packet for n in range(20) for packet in encoder.encode(photo[n : n + 176, 2 * n : 2 * n + 240])]
    return [*made, *encoder.finish()]


@pytest.mark.parametrize("codec", ["libx264", "ffv1"])
def test_each_run_makes_the_same_packets(codec: str) -> None:
    first, *others = [encoded(codec) for _ in range(4)]
    assert len(first) == 20
    assert others == [first] * 3
