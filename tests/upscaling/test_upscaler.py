"""The Upscaler: on a small network, and on the released weights and a real photo."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from elansr.engines.device import pick_device, pick_precision
from elansr.errors import ConfigError, DeviceError, PictureError
from elansr.images import Picture, imresize, read
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.upscaling.upscaler import Upscaler, load
from elansr.weights.released import RELEASED
from tests.oracles.elan_closed_naive import elan_closed_naive

RNG = np.random.default_rng(0)
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def photo() -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = read(EXAMPLES / "cityscape.png").pixels
    return pixels[..., :3]


def plain(network: ELAN, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The paper's plain form, without any of the code under test."""
    with torch.no_grad():
        x = torch.from_numpy(picture.astype(np.float32) / 255).permute(2, 0, 1).unsqueeze(0)
        result: NDArray[np.float32] = network(x)[0].clamp(0, 1).permute(1, 2, 0).numpy()
        return result


@pytest.mark.parametrize("size", [(1, 2), (1, 9), (5, 3), (16, 16), (37, 50)])
def test_with_cyclic_borders_it_is_the_network(small: ELAN, size: tuple[int, int]) -> None:
    picture = RNG.integers(0, 256, (*size, 3), np.uint8)
    result = Upscaler(small, device="cpu", precision="fp32", border="cyclic")(picture)
    np.testing.assert_array_less(np.abs(result - plain(small, picture) * 255), 0.5 + 1e-2)


def test_the_margin_is_a_reflected_frame_cut_away(small: ELAN) -> None:
    picture = RNG.integers(0, 256, (20, 23, 3), np.uint8)
    framed = np.pad(picture, ((16, 16), (16, 16), (0, 0)), mode="reflect")
    upscaler = Upscaler(small, device="cpu", precision="fp32", border="cyclic", margin=16)
    result = upscaler(picture.astype(np.float32) / 255)
    np.testing.assert_allclose(result, plain(small, framed)[32:72, 32:78], atol=1e-4)


@pytest.mark.parametrize("weights", ["elan-light-x2", "elan-light-x4", "elan-light-x2-real"])
@pytest.mark.parametrize("size", [(1, 2), (2, 40), (7, 3)])
def test_tiny_pictures_of_one_colour_keep_it(weights: str, size: tuple[int, int]) -> None:
    """The network's own zeros beyond the border would move it by up to 59 levels."""
    picture = np.full((*size, 3), (201, 90, 17), np.uint8)
    result = load(weights, device="cpu", precision="fp32")(picture)
    assert np.abs(result.astype(int) - picture[0, 0]).max() <= 3


@pytest.mark.parametrize("size", [(1, 2), (1, 9), (5, 3), (16, 16), (19, 33)])
def test_with_closed_borders_it_is_the_plain_loops(small: ELAN, size: tuple[int, int]) -> None:
    picture = RNG.integers(0, 256, (*size, 3), np.uint8)
    state = {name: value.double().numpy() for name, value in small.state_dict().items()}
    frame = 16 if min(size) < 8 else 0  # tiny pictures get a margin
    framed = np.pad(picture, ((frame, frame), (frame, frame), (0, 0)), mode="reflect")
    whole = elan_closed_naive(framed.transpose(2, 0, 1) / 255, state, small.config).clip(0, 1).transpose(1, 2, 0)
    expected = whole[2 * frame :, 2 * frame :][: 2 * size[0], : 2 * size[1]]
    for upscaler in (
        Upscaler(small, device="cpu", precision="fp32"),
        Upscaler(small, device="cpu", precision="fp32", border="closed"),
    ):
        np.testing.assert_array_less(np.abs(upscaler(picture) - expected * 255), 0.5 + 1e-2)


@pytest.mark.parametrize(("precision", "levels"), [("fp32", 1), ("bf16", 2)])
def test_tiled_equals_untiled_on_a_photo(photo: NDArray[np.uint8], precision: str, levels: int) -> None:
    """Up to rounding: what little a tile sees otherwise can tip a bf16 step of the features, half a level large."""
    photo = photo[50:133, 50:161]
    whole = load("elan-light-x2", device="cpu", tile=4096, precision=precision)(photo)
    for tile in (32, 48, 96):
        apart = np.abs(load("elan-light-x2", device="cpu", tile=tile, precision=precision)(photo).astype(int) - whole)
        assert apart.max() <= levels
        assert (apart > 1).mean() < 1e-4


def test_closed_borders_do_not_leak_to_the_opposite_one(photo: NDArray[np.uint8]) -> None:
    """A picture 128 pixels wide, of which the left four columns change."""
    picture, changed = photo[40:72, 60:188], photo[40:72, 60:188].copy()
    changed[:, :4] = 255 - changed[:, :4]
    apart = {}
    for border in ("closed", "cyclic"):
        upscaler = load("elan-light-x2", device="cpu", precision="fp32", border=border, tile=4096)
        results = [upscaler(x / np.float32(255)) for x in (picture, changed)]
        apart[border] = np.abs(results[0] - results[1])[:, -16:].max()
    assert apart["closed"] < 1e-3 < 5e-3 < apart["cyclic"]


def test_in_the_plain_form_tiles_differ_at_the_picture_border_only(photo: NDArray[np.uint8]) -> None:
    """Untiled, opposite borders of the picture leak into each other; tiled, those of a tile do."""
    whole = load("elan-light-x2", device="cpu", tile=4096, border="cyclic", precision="fp32")(photo)
    tiled = load("elan-light-x2", device="cpu", tile=96, border="cyclic", precision="fp32")(photo)
    apart, border = np.abs(whole.astype(int) - tiled), 2 * 48
    assert (apart <= 1).mean() >= 0.98
    assert apart[border:-border, border:-border].max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
def test_the_same_kind_comes_back(small: ELAN, dtype: type, channels: int | None) -> None:
    shape = (7, 11) if channels is None else (7, 11, channels)
    full = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    picture = (RNG.random(shape) * full).astype(dtype)
    result = Upscaler(small, device="cpu")(picture)
    assert result.dtype == dtype
    assert result.shape == (14, 22, *shape[2:])


def test_16_bit_agrees_with_8_bit_and_float(small: ELAN) -> None:
    upscaler = Upscaler(small, device="cpu")
    picture = RNG.integers(0, 256, (9, 8, 3), np.uint8)
    exact = upscaler(picture / 255.0)
    np.testing.assert_allclose(upscaler(picture) / 255, exact, atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(upscaler(picture.astype(np.uint16) * 257) / 65535, exact, atol=0.5 / 65535 + 1e-6)


def test_opaque_and_transparent_alpha_stay_so(small: ELAN) -> None:
    for alpha in (0, 77, 255):
        picture = np.dstack([RNG.integers(0, 256, (8, 8, 3), np.uint8), np.full((8, 8), alpha, np.uint8)])
        assert (Upscaler(small, device="cpu")(picture)[..., 3] == alpha).all()


def test_what_is_invisible_does_not_bleed_into_the_edge(photo: NDArray[np.uint8]) -> None:
    """A grey disc: whatever colour lies under the transparent pixels, the visible result is the same."""
    y, x = np.mgrid[:48, :48]
    alpha = np.where((y - 24) ** 2 + (x - 24) ** 2 < 225, 255, 0).astype(np.uint8)
    upscaler = load("elan-light-x2", device="cpu")
    results = []
    for hidden in (0, 255):
        colour = np.where(alpha[..., None] > 0, photo[:48, :48], hidden).astype(np.uint8)
        results.append(upscaler(np.dstack([colour, alpha])))
    np.testing.assert_array_equal(results[0], results[1])


def test_progress_rises_to_the_whole(small: ELAN) -> None:
    reports: list[tuple[int, int]] = []
    picture = RNG.integers(0, 256, (50, 70, 4), np.uint8)
    Upscaler(small, device="cpu", tile=32)(picture, progress=lambda done, total: reports.append((done, total)))
    assert reports[-1] == (50 * 70, 50 * 70)
    assert reports == sorted(reports)
    assert len(reports) > 4


def test_the_self_ensemble_is_symmetric(small: ELAN) -> None:
    upscaler = Upscaler(small, device="cpu", tta=True)
    picture = RNG.random((12, 9, 3)).astype(np.float32)
    straight = upscaler(picture)
    np.testing.assert_allclose(upscaler(picture[:, ::-1])[:, ::-1], straight, atol=1e-5)
    np.testing.assert_allclose(upscaler(picture.transpose(1, 0, 2)).transpose(1, 0, 2), straight, atol=1e-5)


def test_a_grey_network_takes_colour_pictures() -> None:
    network = ELAN(ELANConfig(scale=3, channels=6, blocks=1, n_share=0, rgb_mean=(0.44,)))
    assert Upscaler(network, device="cpu")(RNG.random((5, 6, 3))).shape == (15, 18, 3)


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (np.zeros((4, 4, 5), np.uint8), r"\(4, 4, 5\).* 4$"),
        (np.zeros(4, np.uint8), r"\(4,\)"),
        (np.zeros((0, 4, 3), np.uint8), "at least one pixel"),
        (np.zeros((4, 4, 3), np.int32), "int32"),
        (np.full((4, 4, 3), 255.0), "255"),
        (np.full((4, 4, 3), np.nan), "nan"),
        ([[1, 2]], "list"),
        ((np.zeros((4, 4)),), "tuple"),
        (None, "NoneType"),
        ("a.png", r"str.*elansr\.upscale"),
        (Path("a.png"), r"Path.*elansr\.upscale"),
        (b"\xff\xd8", r"bytes.*elansr\.upscale"),
        (Picture((np.zeros((4, 4, 3), np.uint8),)), "Picture.*`pixels`"),
    ],
)
def test_what_is_no_picture_is_refused(small: ELAN, picture: NDArray[np.generic], reason: str) -> None:
    with pytest.raises(PictureError, match=reason):
        Upscaler(small, device="cpu")(picture)


def test_bad_settings_are_named(small: ELAN) -> None:
    wrong: dict[str, tuple[object, ...]] = {
        "tile": (-1, "a", 2.5, True),
        "margin": (-1, 5000, "16"),
        "border": ("open", "", None, "Closed"),
        "tta": ("yes", 1, None),
        "scale": ("2", True, 2.0, 0),
    }
    for name, values in wrong.items():
        for value in values:
            with pytest.raises(ConfigError, match=f"^`{name}={value!r}`: "):
                load("elan-light-x2", **{name: value})  # type: ignore[arg-type]
    for device in (5, "tpu"):
        with pytest.raises(DeviceError, match=repr(device)):
            load("elan-light-x2", device=device)  # type: ignore[arg-type]
    with pytest.raises(DeviceError, match="'tpu'"):
        pick_device("tpu")
    with pytest.raises(DeviceError, match="int8"):
        pick_precision("int8", "cpu")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="no CUDA GPU"):
            pick_device("cuda:0")


@pytest.mark.parametrize("name", RELEASED)
def test_bf16_is_close_and_every_file_for_clean_pictures_beats_bicubic_on_a_photo(
    name: str, photo: NDArray[np.uint8]
) -> None:
    scale = RELEASED[name].scale
    hr = photo[: 48 * scale, : 60 * scale]
    lr = imresize(hr, 48, 60)
    single, half = (load(name, device="cpu", precision=p)(lr).astype(float) for p in ("fp32", "bf16"))
    bicubic = imresize(lr, *hr.shape[:2]).astype(float)
    error = [float(((x - hr) ** 2).mean()) for x in (single, half, bicubic)]
    if RELEASED[name].degradation == "bicubic":
        assert error[0] < 0.9 * error[2]
    assert error[1] == pytest.approx(error[0], rel=0.01)
