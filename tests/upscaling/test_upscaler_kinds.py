"""`Upscaler` with Pillow's images and PyTorch's tensors: the pixels of arrays, and the same kind comes back."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image, ImageOps

import elansr
from elansr.errors import ConfigError, ElansrError, PictureError
from elansr.nn.elan import ELAN
from elansr.upscaling import Upscaler
from elansr.weights.provenance import Provenance

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def upscaler(small: ELAN) -> Upscaler:
    return Upscaler(small, device="cpu", precision="fp32")


def noise(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, np.uint8)


MODES = {"1": "L", "L": "L", "P": "RGB", "RGB": "RGB", "RGBA": "RGBA", "LA": "LA", "PA": "RGBA", "CMYK": "RGB",
         "YCbCr": "RGB", "HSV": "RGB", "LAB": "RGB", "RGBX": "RGB", "F": "L"}  # fmt: skip


@pytest.mark.parametrize(("mode", "shown"), MODES.items())
def test_images_of_any_mode_as_pillow_shows_them(upscaler: Upscaler, mode: str, shown: str) -> None:
    image = Image.new(mode, (9, 8))
    for x in range(9):
        for y in range(8):
            values = tuple(int(v) for v in noise(len(image.getbands())))
            image.putpixel((x, y), values if len(values) > 1 else values[0])
    result = upscaler(image)
    assert isinstance(result, Image.Image)
    assert (result.mode, result.size) == (shown, (18, 16))
    np.testing.assert_array_equal(np.asarray(result), upscaler(np.asarray(image.convert(shown))))


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
def test_grey_of_16_bits_keeps_them(upscaler: Upscaler, mode: str) -> None:
    pixels = RNG.integers(0, 2**16, (8, 9), np.uint16)
    image = Image.new(mode, (9, 8))
    for y, x in np.ndindex(8, 9):
        image.putpixel((x, y), int(pixels[y, x]))
    result = upscaler(image)
    assert result.mode == "I;16"
    np.testing.assert_array_equal(np.asarray(result), upscaler(pixels))


@pytest.mark.parametrize("mode", ["L", "P", "RGB"])
def test_a_transparent_colour_becomes_alpha(upscaler: Upscaler, mode: str) -> None:
    image = Image.fromarray(noise(8, 9, 3)).convert(mode)
    image.info["transparency"] = image.getpixel((0, 0))
    result = upscaler(image)
    assert result.mode == ("LA" if mode == "L" else "RGBA")
    assert np.asarray(result)[..., -1].min() < 255


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_its_exif_says(upscaler: Upscaler, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    file = BytesIO()
    Image.fromarray(noise(8, 12, 3)).save(file, "PNG", exif=exif)
    image = Image.open(file)
    result = upscaler(image)
    expected = upscaler(np.asarray(ImageOps.exif_transpose(image)))
    np.testing.assert_array_equal(np.asarray(result), expected)
    assert ExifTags.Base.Orientation not in result.getexif()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_frames_none_is_taken_silently(upscaler: Upscaler, kind: str) -> None:
    frames = [Image.fromarray(noise(8, 9, 3)) for _ in range(3)]
    file = BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:])
    image = Image.open(file)
    with pytest.raises(PictureError, match="3"):
        upscaler(image)
    image.seek(1)
    assert upscaler(image.copy()).size == (18, 16)


def test_the_preview_behind_a_photo_is_no_second_frame(upscaler: Upscaler) -> None:
    file = BytesIO()
    Image.fromarray(noise(8, 9, 3)).save(file, "MPO", save_all=True, append_images=[Image.new("RGB", (4, 4))])
    assert upscaler(Image.open(file)).size == (18, 16)


def test_a_truncated_image_is_an_error_of_ours(upscaler: Upscaler) -> None:
    file = BytesIO()
    Image.fromarray(noise(60, 60, 3)).save(file, "PNG")
    with pytest.raises(PictureError):
        upscaler(Image.open(BytesIO(file.getvalue()[:-2000])))


@pytest.mark.parametrize("value", [None, 5, ["elan-light-x2"]])
def test_what_is_no_network_is_refused_everywhere(value: object, tmp_path: Path) -> None:
    calls: list[Callable[[], object]] = [
        lambda: elansr.load(value),  # type: ignore[arg-type]
        lambda: Upscaler(value),  # type: ignore[arg-type]
        lambda: Upscaler.from_pretrained(value),  # type: ignore[arg-type]
        lambda: elansr.load_network(value),  # type: ignore[arg-type]
        lambda: elansr.describe(value),  # type: ignore[arg-type]
        lambda: elansr.convert(value, tmp_path / "a.safetensors"),  # type: ignore[arg-type]
        lambda: elansr.save(value, tmp_path / "a.safetensors", Provenance()),  # type: ignore[arg-type]
        lambda: elansr.hub.from_pretrained(value),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises(ConfigError, match="^`[a-z_]+="):
            call()


def test_a_profile_stays_where_the_colours_do(upscaler: Upscaler) -> None:
    for mode, kept in (("RGB", b"profile"), ("CMYK", None)):
        image = Image.new(mode, (8, 8))
        image.info["icc_profile"] = b"profile"
        assert upscaler(image).info.get("icc_profile") == kept


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.uint8])
@pytest.mark.parametrize("count", [None, 0, 1, 3])
def test_tensors(upscaler: Upscaler, dtype: torch.dtype, count: int | None) -> None:
    shape = (3, 8, 9) if count is None else (count, 3, 8, 9)
    tensor = (torch.rand(shape) * (255 if dtype == torch.uint8 else 1)).to(dtype)
    tensor.requires_grad_(dtype == torch.float32)
    result = upscaler(tensor)
    assert isinstance(result, torch.Tensor)
    assert (result.dtype, result.shape, result.requires_grad) == (dtype, (*shape[:-2], 16, 18), False)
    batch = tensor.detach().reshape(-1, 3, 8, 9)
    for one, given in zip(result.reshape(-1, 3, 16, 18), batch, strict=True):
        array = (given.float() if dtype == torch.bfloat16 else given).permute(1, 2, 0).numpy()
        expected = torch.from_numpy(upscaler(array)).to(dtype).permute(2, 0, 1)
        torch.testing.assert_close(one, expected, atol=1e-2 if dtype == torch.float16 else 0, rtol=0)


@pytest.mark.parametrize("shape", [(8, 9), (8, 9, 3), (1, 8, 9), (2, 4, 8, 9), (1, 2, 3, 8, 9)])
def test_tensors_of_other_shapes_are_refused(upscaler: Upscaler, shape: tuple[int, ...]) -> None:
    with pytest.raises(PictureError):
        upscaler(torch.zeros(shape))


def test_an_array_with_the_colours_first_is_recognised(upscaler: Upscaler) -> None:
    with pytest.raises(PictureError, match=r"looks like \(C, H, W\)"):
        upscaler(noise(3, 20, 30))


def test_it_says_what_it_is(small: ELAN, upscaler: Upscaler) -> None:
    assert repr(upscaler) == "Upscaler('ELAN', scale=2, device='cpu', precision='fp32')"
    named = elansr.load("elan-light-x3", device="cpu", precision="fp32")
    assert repr(named) == "Upscaler('elan-light-x3', scale=3, device='cpu', precision='fp32')"


def test_from_pretrained_takes_names_files_and_folders(small: ELAN, tmp_path: Path) -> None:
    assert Upscaler.from_pretrained("elan-light", scale=2, device="cpu").scale == 2
    folder = elansr.hub.save_pretrained(small, tmp_path / "mine", Provenance(name="mine"))
    for place in (folder, folder / "model.safetensors"):
        found = Upscaler.from_pretrained(place, device="cpu", precision="fp32")
        assert found.scale == 2
        assert str(place) in repr(found)
    with pytest.raises(ElansrError):
        Upscaler.from_pretrained(folder, scale=3)
    with pytest.raises(ElansrError):
        Upscaler.from_pretrained("elan-lite")


def test_several_threads_may_use_one(upscaler: Upscaler) -> None:
    pictures = [noise(20 + n, 30, 3) for n in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for picture, result in zip(pictures, pool.map(upscaler, pictures), strict=True):
            np.testing.assert_array_equal(result, upscaler(picture))


def test_every_public_name_is_there() -> None:
    for name in elansr.__all__:
        assert getattr(elansr, name) is not None
    assert elansr.list_models()[0] == "elan-light-x2"


def test_reading_and_listing_bring_no_torch() -> None:
    names = "elansr.list_models(), elansr.read, elansr.Upscaler, elansr.upscale"
    code = f"import sys, elansr; {names}; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
