"""`TiledNetwork.many`: one by one on a CPU, and together, as on a GPU, up to rounding."""

import numpy as np
import pytest

from elansr.errors import PictureError
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.upscaling import TiledNetwork, tiled_network
from elansr.upscaling.rows import Array

RNG = np.random.default_rng(0)


def pictures(shape: tuple[int, ...], dtype: type) -> list[Array]:
    """Five, of which the alpha of two does not vary."""
    full = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    found = [(RNG.random(shape) * full).astype(dtype) for _ in range(5)]
    if shape[2:] in ((2,), (4,)):
        found[1][..., -1], found[4][..., -1] = full, 0
    return found


SHAPES = [((7, 11), np.uint8), ((7, 11, 1), np.uint16), ((40, 21, 2), np.uint8), ((9, 9, 3), np.uint8)]
SHAPES += [((20, 33, 4), np.uint16), ((6, 5, 4), np.float32)]


@pytest.mark.parametrize(("shape", "dtype"), SHAPES)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_on_a_cpu_many_are_each_to_the_bit(small: ELAN, shape: tuple[int, ...], dtype: type, precision: str) -> None:
    one = TiledNetwork.open(small, device="cpu", precision=precision)
    given = pictures(shape, dtype)
    assert one.together(*shape[:2]) == 1
    for result, picture in zip(one.many(given), given, strict=True):
        np.testing.assert_array_equal(result, one(picture))


@pytest.mark.parametrize(("shape", "dtype"), SHAPES)
@pytest.mark.parametrize("options", [{}, {"margin": 16}, {"tile": 16}, {"border": "cyclic", "tta": True}])
def test_together_they_are_the_same(
    small: ELAN, shape: tuple[int, ...], dtype: type, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within float rounding: PyTorch sums the first convolution of a batch in another order."""
    monkeypatch.setattr(TiledNetwork, "together", lambda *_: 4)
    one = TiledNetwork.open(small, device="cpu", precision="fp32", **options)  # type: ignore[arg-type]
    given = pictures(shape, dtype)
    full = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    seen: list[tuple[int, int]] = []
    results = one.many(given, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]
    for result, picture in zip(results, given, strict=True):
        expected = one(picture)
        assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
        apart = np.abs(result.astype(float) - expected.astype(float)) / full
        assert apart.max() <= (1 / 255 if dtype == np.uint8 else 1e-3)
        assert (apart > 0.5 / 255).mean() < 0.01


def test_a_grey_network_takes_many_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TiledNetwork, "together", lambda *_: 4)
    network = ELAN(ELANConfig(scale=3, channels=6, blocks=1, n_share=0, rgb_mean=(0.44,)))
    one = TiledNetwork.open(network, device="cpu", precision="fp32")
    given = pictures((5, 6, 3), np.float32)
    for result, picture in zip(one.many(given), given, strict=True):
        np.testing.assert_allclose(result, one(picture), atol=1e-5)


def test_pictures_of_different_kinds_are_refused(small: ELAN) -> None:
    one, page = TiledNetwork.open(small, device="cpu"), np.zeros((4, 5, 3), np.uint8)
    assert one.many([]) == []
    for other in (page[:3], page[..., :1], page.astype(np.uint16)):
        with pytest.raises(PictureError, match=r"\(.*\) .* and \(.*\)"):
            one.many([page, page, other])
    with pytest.raises(PictureError):
        one.many([page, np.zeros(4, np.uint8)])


def test_how_many_go_together(small: ELAN, monkeypatch: pytest.MonkeyPatch) -> None:
    free = 2**40
    monkeypatch.setattr(tiled_network, "free_memory", lambda device: free)
    one = TiledNetwork.open(small, device="cpu")
    assert one.together(64, 64) == 1
    one.device, one._engine.bytes_per_pixel = "cuda:0", 5100
    assert [one.together(side, side) for side in (64, 128, 1000)] == [32, 8, 1]
    free = 2 * 5100 * 64 * 64 * 3
    assert one.together(64, 64) == 3
    free = 1000
    assert one.together(64, 64) == 1
