"""Samples that are light, seen by a network as photos are stored."""

import numpy as np

from elansr.images import Picture
from elansr.images.colour.colour_tags import ColourTags
from elansr.upscaling import FinalSize, Upscalers
from elansr.upscaling.linear_light import LinearLight, from_light, to_light
from elansr.upscaling.tiled_network import TiledNetwork


def test_the_network_sees_the_curve_of_srgb_and_light_comes_back() -> None:
    seen = []

    def network(tile):  # type: ignore[no-untyped-def]
        seen.append(tile)
        return tile.repeat(2, axis=-2).repeat(2, axis=-1)

    light = np.linspace(0, 1, 48, dtype=np.float32).reshape(1, 3, 4, 4)
    result = LinearLight(network)(light)
    assert abs(float(seen[0].max()) - 1) < 1e-6
    assert abs(float(from_light(np.full((1, 3, 1, 1), 0.2140411, np.float32)).max()) - 0.5) < 1e-6  # IEC 61966-2-1
    np.testing.assert_allclose(result, light.repeat(2, axis=-2).repeat(2, axis=-1), atol=1e-6)
    np.testing.assert_allclose(to_light(from_light(light)), light, atol=1e-6)


def test_linear_pictures_and_no_others_are_seen_so(small) -> None:  # type: ignore[no-untyped-def]
    upscalers = Upscalers("some.safetensors", 2, FinalSize(), lambda name, scale: TiledNetwork.open(small))
    pixels = np.random.default_rng(0).integers(0, 65536, (20, 24, 3)).astype(np.uint16)
    plain, linear = Picture((pixels,)), Picture((pixels,), colour=ColourTags(gamma=1.0))
    assert not np.array_equal(upscalers(plain).upscaler(pixels), upscalers(linear).upscaler(pixels))
    flat = np.full((20, 24, 3), 77, np.uint16)
    assert (upscalers(linear).upscaler(flat) == 77).all()
