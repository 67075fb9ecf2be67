"""Writing, read back by Pillow, tifffile or bare libvips; whole files or none."""

import errno
import io
import os
import resource
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from elansr.errors import ConfigError, OutputExistsError, PictureError, TooManyPixelsError
from elansr.images import FORMATS, Picture, check_output, encode, inspect, read, write, writing

Y, X = np.mgrid[0:45, 0:71]
RGB = np.stack([X * 255 // 70, Y * 255 // 44, (X * 2 + Y) % 256], -1).astype(np.uint8)
ALPHA = np.clip(X * 5, 0, 255).astype(np.uint8)  # 0 in the first column
SEEN = RGB * (ALPHA > 0)[..., None]
KINDS = {1: RGB[..., :1], 2: np.dstack([SEEN[..., 0], ALPHA]), 3: RGB, 4: np.dstack([SEEN, ALPHA])}
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
DEEP = {channels: (pixels.astype(np.uint16) << 8) + pixels[::-1] * (pixels > 0) for channels, pixels in KINDS.items()}
NAMES = ["x.jpg", "x.png", "x.webp", "x.tif", "x.bmp", "x.gif", "x.avif"]
FILM = Picture(tuple(np.roll(RGB, 7 * i, axis=1) for i in range(4)), durations=(100, 50, 200, 30), loops=3)


def by_pillow(path: Path, mode: str, frame: int = 0) -> np.ndarray:
    with Image.open(path) as image:
        image.seek(frame)
        shown = image.convert(mode)
    return np.asarray(shown).reshape(shown.height, shown.width, -1).astype(int)


def white_behind(pixels: np.ndarray) -> np.ndarray:
    """What Pillow makes of transparent pixels before a white wall."""
    image = Image.fromarray(pixels.squeeze()).convert("RGBA")
    flat = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return np.asarray(flat).astype(int)[..., : pixels.shape[2] - 1]


@pytest.mark.parametrize("channels", KINDS)
@pytest.mark.parametrize("name", ["x.png", "x.tif"])
def test_exact_formats_keep_8_bits(tmp_path, name, channels):
    write(Picture((KINDS[channels],)), tmp_path / name)
    assert (by_pillow(tmp_path / name, MODES[channels]) == KINDS[channels]).all()
    with Image.open(tmp_path / name) as image:
        assert image.mode == MODES[channels]


@pytest.mark.parametrize("channels", DEEP)
def test_exact_formats_keep_16_bits(tmp_path, channels):
    picture = Picture((DEEP[channels],))
    write(picture, tmp_path / "x.tif")
    write(picture, tmp_path / "x.png")
    stored = tifffile.imread(tmp_path / "x.tif")
    assert stored.dtype == np.uint16
    assert (stored.reshape(DEEP[channels].shape) == DEEP[channels]).all()
    decoded = pyvips.Image.new_from_file(str(tmp_path / "x.png"))
    assert decoded.interpretation == ("grey16" if channels < 3 else "rgb16")
    assert (decoded.numpy().reshape(DEEP[channels].shape) == DEEP[channels]).all()


@pytest.mark.parametrize("channels", KINDS)
@pytest.mark.parametrize("depth", [8, 16])
def test_bmp_lays_alpha_on_white(tmp_path, channels, depth):
    pixels = KINDS[channels] if depth == 8 else KINDS[channels].astype(np.uint16) * 257
    write(Picture((pixels,)), tmp_path / "x.bmp")
    expected = white_behind(KINDS[channels]) if channels in (2, 4) else KINDS[channels]
    assert np.abs(by_pillow(tmp_path / "x.bmp", "L" if channels < 3 else "RGB") - expected).max() <= 1


@pytest.mark.parametrize("channels", KINDS)
def test_jpeg_lays_alpha_on_white(tmp_path, channels):
    write(Picture((KINDS[channels],)), tmp_path / "x.jpg")
    expected = white_behind(KINDS[channels]) if channels in (2, 4) else KINDS[channels]
    assert np.abs(by_pillow(tmp_path / "x.jpg", "L" if channels < 3 else "RGB") - expected).mean() < 2
    with Image.open(tmp_path / "x.jpg") as image:
        assert image.mode == ("L" if channels < 3 else "RGB")
        assert {layer[1:3] for layer in image.layer} == {(1, 1)}  # 4:4:4


@pytest.mark.parametrize("channels", KINDS)
@pytest.mark.parametrize("name", ["x.webp", "x.avif"])
@pytest.mark.parametrize("quality", [None, 100])
def test_webp_and_avif(tmp_path, name, channels, quality):
    write(Picture((KINDS[channels],)), tmp_path / name, quality=quality)
    mode = "RGB" if channels % 2 else "RGBA"
    expected = np.asarray(Image.fromarray(KINDS[channels].squeeze()).convert(mode)).astype(int)
    off = np.abs(by_pillow(tmp_path / name, mode) - expected)
    if quality == 100:
        assert off.max() == 0
    else:
        visible = expected[..., 3] > 200 if mode == "RGBA" else np.ones((45, 71), bool)
        assert off[visible].mean() < 3


@pytest.mark.parametrize("channels", KINDS)
def test_gif(tmp_path, channels):
    write(Picture((KINDS[channels],)), tmp_path / "x.gif")
    shown = by_pillow(tmp_path / "x.gif", "RGBA")
    visible = KINDS[channels][..., -1] > 200 if channels in (2, 4) else np.ones((45, 71), bool)
    colours = KINDS[channels][..., : max(1, channels - 1 + channels % 2)].astype(int)
    assert np.abs(shown[..., :3] - colours)[visible].mean() < 12
    assert (shown[..., 3][visible] == 255).all()
    if channels in (2, 4):
        assert (shown[..., 3][KINDS[channels][..., -1] < 20] == 0).all()


def test_16_bits_are_rounded_to_8(tmp_path):
    """Every one of the 65536 levels: value * 255 / 65535 to the nearest whole number."""
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    expected = [(level * 255 * 2 + 65535) // (65535 * 2) for level in range(65536)]
    write(Picture((levels,)), tmp_path / "x.bmp")
    assert by_pillow(tmp_path / "x.bmp", "L").ravel().tolist() == expected
    write(Picture((levels,)), tmp_path / "x.webp", quality=100)
    assert by_pillow(tmp_path / "x.webp", "RGB")[..., 0].ravel().tolist() == expected


def test_16_bits_become_12_in_avif(tmp_path):
    levels = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64, 1)
    write(Picture((levels.repeat(3, axis=2),)), tmp_path / "x.avif", quality=100)
    back = read(tmp_path / "x.avif")
    assert back.pixels.dtype == np.uint16
    assert np.abs(back.pixels.astype(int) - levels).max() <= 65535 / 4095 / 2 + 1


@settings(max_examples=25)
@given(
    pixels=st.one_of(
        *[
            arrays(dtype, array_shapes(min_dims=2, max_dims=2, max_side=40).map(lambda side, c=c: (*side, c)))
            for dtype in (np.uint8, np.uint16)
            for c in (1, 2, 3, 4)
        ]
    ),
    suffix=st.sampled_from([".png", ".tif"]),
)
def test_what_is_written_is_read(tmp_path_factory, pixels, suffix):
    path = tmp_path_factory.mktemp("written") / f"x{suffix}"
    write(Picture((pixels,)), path)
    assert read(path).pixels.dtype == pixels.dtype
    seen = pixels if pixels.shape[2] in (1, 3) else np.where(pixels[..., -1:] > 0, pixels, 0)
    assert (read(path).pixels == seen).all()


def test_strided_and_read_only_arrays(tmp_path):
    view = RGB[::-2, ::3, ::-1]
    fixed = RGB.copy()
    fixed.setflags(write=False)
    for pixels in (view, fixed, RGB.transpose(1, 0, 2)):
        write(Picture((pixels,)), tmp_path / "x.png", overwrite=True)
        assert (by_pillow(tmp_path / "x.png", "RGB") == pixels).all()


def test_quality(tmp_path):
    for name in ("x.jpg", "x.webp", "x.avif"):
        sizes = []
        for quality in (10, 60, None):
            write(Picture((RGB,)), tmp_path / name, quality=quality, overwrite=True)
            sizes.append((tmp_path / name).stat().st_size)
        assert sizes == sorted(sizes)
        assert len(set(sizes)) == 3
    for quality in (0, 101, -3):
        with pytest.raises(ConfigError, match=f"`quality={quality}`.* 1 to 100"):
            write(Picture((RGB,)), tmp_path / "y.jpg", quality=quality)


@pytest.mark.parametrize("name", ["x.gif", "x.webp"])
@pytest.mark.parametrize("loops", [0, 1, 3])
def test_animation(tmp_path, name, loops):
    film = Picture(FILM.pages, durations=FILM.durations, loops=loops)
    write(film, tmp_path / name, quality=100)
    with Image.open(tmp_path / name) as image:
        assert image.n_frames == 4
        durations = []
        for index in range(4):
            image.seek(index)
            image.load()
            durations.append(image.info["duration"])
            assert np.abs(np.asarray(image.convert("RGB")).astype(int) - FILM.pages[index]).mean() < 12
        assert tuple(durations) == FILM.durations
    back = read(tmp_path / name)
    assert (back.durations, back.loops, len(back.pages)) == (FILM.durations, loops, 4)


def test_equal_frames_keep_their_time(tmp_path):
    """GIF keeps them; libwebp makes one longer frame of them."""
    film = Picture((RGB, RGB, RGB[::-1]), durations=(40, 50, 60))
    write(film, tmp_path / "x.gif")
    write(film, tmp_path / "x.webp")
    assert read(tmp_path / "x.gif").durations == (40, 50, 60)
    assert read(tmp_path / "x.webp").durations == (90, 60)


def test_pages_of_a_tiff(tmp_path):
    pages = [DEEP[3], DEEP[3][::-1], DEEP[3][:, ::-1]]
    write(Picture(tuple(pages)), tmp_path / "x.tif")
    with tifffile.TiffFile(tmp_path / "x.tif") as file:
        assert [(page.asarray() == pixels).all() for page, pixels in zip(file.pages, pages, strict=True)] == [True] * 3


@pytest.mark.parametrize("name", ["x.jpg", "x.png", "x.bmp", "x.avif"])
def test_an_animation_does_not_fit_into_a_still(tmp_path, name):
    with pytest.raises(PictureError, match=r"4 pages.*\.gif.*\.webp"):
        write(FILM, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "width"), [("x.webp", 16384), ("x.gif", 65536), ("x.jpg", 65501), ("x.avif", 16385)])
def test_a_side_too_long_for_the_format(tmp_path, name, width):
    with pytest.raises(PictureError, match=rf"{width} x 1 pixels .*\.png"):
        write(Picture((np.zeros((1, width, 3), np.uint8),)), tmp_path / name)
    if name in ("x.webp", "x.jpg"):  # the others take their time
        write(Picture((np.zeros((1, width - 1, 3), np.uint8),)), tmp_path / name)
        assert read(tmp_path / name).pixels.shape == (1, width - 1, 3)


def test_big_tiff_where_a_plain_one_ends(tmp_path, monkeypatch):
    write(Picture((RGB,)), tmp_path / "plain.tif")
    monkeypatch.setattr(writing, "_BIG_TIFF", RGB.nbytes - 1)
    write(Picture((RGB,), exif=b"Exif\0\0II*\0\x08\0\0\0\1\0\x31\1\2\0\4\0\0\0abc\0\0\0\0\0"), tmp_path / "big.tif")
    for name, big in (("plain.tif", False), ("big.tif", True)):
        with tifffile.TiffFile(tmp_path / name) as file:
            assert file.is_bigtiff is big
            assert (file.asarray() == RGB).all()
    with tifffile.TiffFile(tmp_path / "big.tif") as file:
        assert file.pages[0].tags["Software"].value == "abc"


def test_format_beats_suffix(tmp_path):
    for given_name in ("jpeg", "JPG", ".jpg"):
        write(Picture((RGB,)), tmp_path / "x.png", format=given_name, overwrite=True)
        assert read(tmp_path / "x.png").format == "jpeg"
    with pytest.raises(PictureError, match=r"'xcf'.*png"):
        write(Picture((RGB,)), tmp_path / "y", format="xcf")


def test_wrong_places(tmp_path):
    picture = Picture((RGB,))
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    for path, words in {
        "x.heic": "'.heic'.*\\.png",
        "x": "no file extension.*\\.png",
        "folder.png": "is a folder",
        "missing/x.png": "does not exist; create it",
        "file/x.png": "does not exist; create it",
        "x" * 300 + ".png": "too long",
    }.items():
        with pytest.raises(PictureError, match=words) as caught:
            write(picture, tmp_path / path)
        assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.png"]


def test_an_existing_file_stays_unless_told(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(b"precious")
    with pytest.raises(OutputExistsError, match="`overwrite=True`"):
        write(Picture((RGB,)), path)
    with pytest.raises(OutputExistsError):
        check_output(path)
    assert path.read_bytes() == b"precious"
    write(Picture((RGB,)), path, overwrite=True)
    assert (by_pillow(path, "RGB") == RGB).all()
    assert os.listdir(tmp_path) == ["x.png"]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_comes_up_meanwhile_stays(tmp_path, monkeypatch, links):
    path, fsync = tmp_path / "x.png", os.fsync

    def another_program_is_faster(descriptor: int) -> None:
        path.write_bytes(b"precious")
        fsync(descriptor)

    def no_links(*args: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "no hard links here")

    monkeypatch.setattr(os, "fsync", another_program_is_faster)
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(OutputExistsError):
        write(Picture((RGB,)), path)
    assert path.read_bytes() == b"precious"
    assert os.listdir(tmp_path) == ["x.png"]


def test_a_file_system_without_hard_links(tmp_path, monkeypatch):
    def no_links(*args: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "no hard links here")

    monkeypatch.setattr(os, "link", no_links)
    write(Picture((RGB,)), tmp_path / "x.png")
    assert (by_pillow(tmp_path / "x.png", "RGB") == RGB).all()
    assert os.listdir(tmp_path) == ["x.png"]


def test_permissions_are_those_of_any_new_file(tmp_path):
    before = os.umask(0o027)
    try:
        write(Picture((RGB,)), tmp_path / "x.png")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.png").stat().st_mode) == 0o640


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("limit", [0, 100, 4096, 20_000])
def test_no_space_leaves_nothing_new_and_nothing_broken(tmp_path, name, limit):
    """A limit on the size of files stands for a full disk; an old output stays as it was."""
    noise = np.random.default_rng(0).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    (tmp_path / name).write_bytes(b"precious")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(PictureError, match="cannot be written") as caught:
            write(Picture((noise,)), tmp_path / name, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == [name]
    assert (tmp_path / name).read_bytes() == b"precious"


def test_a_full_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if not mount or os.geteuid() or subprocess.run([mount, "-t", "tmpfs", "-o", "size=64k", "t", disk]).returncode:
        pytest.skip("cannot mount a small file system here")
    try:
        noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
        for name in NAMES:
            with pytest.raises(PictureError, match="No space left on device"):
                write(Picture((noise,)), disk / name)
            assert os.listdir(disk) == []
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no device that is always full")
@pytest.mark.parametrize("name", NAMES)
def test_a_device_that_is_always_full(tmp_path, monkeypatch, name):
    monkeypatch.setattr(writing, "atomic_file", lambda path, *, overwrite: open("/dev/full", "r+b", 0))  # noqa: SIM115
    with pytest.raises(PictureError, match="No space left on device"):
        write(Picture((np.zeros((40, 40, 3), np.uint8),)), tmp_path / name)


def test_an_interrupt_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "_encode", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(Picture((RGB,)), tmp_path / "x.png")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs POSIX permissions")
def test_no_permission(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    path = tmp_path / "locked" / "x.png"
    if not os.geteuid():
        monkey = pytest.MonkeyPatch()
        monkey.setattr("builtins.open", _denied)
    try:
        with pytest.raises(PictureError, match="no permission to write"):
            write(Picture((RGB,)), path)
    finally:
        if not os.geteuid():
            monkey.undo()


def _denied(*args: object, **kwargs: object) -> None:
    raise PermissionError(errno.EACCES, "Permission denied")


def test_a_large_array_is_not_copied(tmp_path):
    """24 megapixels, 72 MB: encoding takes less than half of that on top."""
    script = (
        "import sys, resource, numpy as np; from elansr.images import Picture, write\n"
        "write(Picture((np.zeros((8, 8, 3), np.uint8),)), sys.argv[1] + '/small' + sys.argv[2])\n"
        "pixels = np.full((4000, 6000, 3), 77, np.uint8)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "write(Picture((pixels,)), sys.argv[1] + '/large' + sys.argv[2])\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / pixels.nbytes)\n"
    )
    for suffix in (".jpg", ".png", ".tif"):
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path), suffix], capture_output=True, text=True, check=True
        )
        assert float(done.stdout) < 0.5, suffix


def test_pictures_are_checked():
    for pages, words in [
        ((), "pages"),
        ((RGB[..., 0],), r"shape \(45, 71\)"),
        ((np.zeros((0, 4, 3), np.uint8),), "shape"),
        ((np.dstack([RGB, RGB]),), "shape"),
        ((RGB.astype(np.float32),), "float32"),
        ((RGB, RGB[1:]), "different shapes"),
        ((RGB, DEEP[3]), "different shapes"),
    ]:
        with pytest.raises(PictureError, match=words):
            Picture(pages)
    with pytest.raises(PictureError, match="3 durations for 2"):
        Picture((RGB, RGB), durations=(1, 2, 3))
    other = FILM.with_pages([page[::2] for page in FILM.pages])
    assert (other.durations, other.loops, other.pages[0].shape) == (FILM.durations, 3, (23, 71, 3))


def test_check_output_agrees_with_write(tmp_path):
    assert check_output(tmp_path / "x.JPG") == "jpeg"
    assert check_output(tmp_path / "x.png", format="webp") == "webp"
    for name, row in FORMATS.items():
        if not row.suffixes:  # only read
            continue
        path = tmp_path / f"x{row.suffixes[0]}"
        assert check_output(path, size=(row.longest, 1)) == name
        with pytest.raises(PictureError, match="cannot hold|too large"):
            check_output(path, size=(1, row.longest + 1))


def test_saved_pictures_are_ordinary_files(tmp_path):
    """Also to be opened from bytes by a viewer that knows no suffix."""
    for name in NAMES:
        write(Picture((RGB,)), tmp_path / name)
        with Image.open(io.BytesIO((tmp_path / name).read_bytes())) as image:
            image.load()
            assert image.size == (71, 45)


# --- bytes ---


@pytest.mark.parametrize("name", NAMES)
def test_bytes_are_those_of_the_file(tmp_path, name):
    film = name in ("x.webp", "x.tif", "x.gif")
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x04\0\0\0abc\0\0\0\0\0"
    picture = Picture(FILM.pages if film else (RGB,), dpi=(300.0, 300.0), exif=exif, xmp=b"<x:xmpmeta/>")
    write(picture, tmp_path / name, quality=80)
    data = (tmp_path / name).read_bytes()
    assert encode(picture, name.removeprefix("x."), quality=80) == data
    whole, found = read(tmp_path / name), read(data)
    assert all((page == other).all() for page, other in zip(whole.pages, found.pages, strict=True))
    assert [(p.format, p.lossy, p.quality, p.exif, p.xmp, p.durations, p.dpi) for p in (whole,)] == [
        (p.format, p.lossy, p.quality, p.exif, p.xmp, p.durations, p.dpi) for p in (found,)
    ]


def test_errors_call_bytes_by_the_name_that_was_given():
    with pytest.raises(PictureError, match=r"^holiday\.jpg: not a picture"):
        read(b"some words", name="holiday.jpg")
    with pytest.raises(TooManyPixelsError, match=r"^the picture: 71 x 45 = 3,195 pixels"):
        read(encode(Picture((RGB,)), "png"), max_pixels=100)
    with pytest.raises(PictureError, match=r"^holiday\.jpg: JPEG cannot hold 4 pages"):
        encode(FILM, "jpeg", name="holiday.jpg")
    with pytest.raises(ConfigError, match="`quality=0`"):
        encode(FILM, "webp", quality=0)
    with pytest.raises(PictureError, match="ndarray"):
        write(RGB, "a.png")


def disc(ground: int) -> np.ndarray:
    """A soft-edged orange disc; its colour lies under the transparent pixels too, or that of the ground does."""
    y, x = np.mgrid[0:96, 0:96]
    alpha = np.clip((36 - np.hypot(y - 47, x - 47)) * 60 + 128, 0, 255)
    colours = np.where((alpha > 0)[..., None] | (ground < 0), [230, 140, 30], ground)
    return np.dstack([colours, alpha]).astype(np.uint8)


@pytest.mark.parametrize("suffix", ["webp", "avif"])
def test_no_colour_bleeds_into_the_edges_in_lossy_formats(suffix):
    """Premultiplied by alpha, as it is seen: as near as with the colour everywhere, and nearer than with black."""

    def off(pixels: np.ndarray) -> float:
        seen = by_pillow_bytes(encode(Picture((pixels,)), suffix), "RGBa")[..., :3]
        return float(np.abs(seen - np.asarray(Image.fromarray(disc(-1)).convert("RGBa")).astype(int)[..., :3]).max())

    assert off(disc(-1)) <= 6
    assert off(disc(-1)) <= off(disc(0))
    stored = by_pillow_bytes(encode(Picture((disc(-1),)), suffix), "RGBA")
    assert stored[0, 0, :3] == pytest.approx([230, 140, 30], abs=4)


@pytest.mark.parametrize(("suffix", "quality"), [("webp", 100), ("avif", 100), ("png", None), ("tif", None)])
@pytest.mark.parametrize("wholly", [False, True])
def test_hidden_colours_become_0_in_lossless_formats(suffix, quality, wholly):
    pixels = disc(-1)
    if wholly:
        pixels[..., 3] = 0
    stored = by_pillow_bytes(encode(Picture((pixels,)), suffix, quality=quality), "RGBA")
    hidden = pixels[..., 3] == 0
    assert (stored[hidden] == 0).all()
    assert (stored[~hidden] == pixels[~hidden]).all()


def by_pillow_bytes(data: bytes, mode: str) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGBA").convert(mode)).astype(int)


@pytest.mark.parametrize(
    ("source", "target"),
    [("webp", "webp"), ("webp", "avif"), ("avif", "webp"), ("avif", "avif"), ("animated webp", "webp")],
)
def test_what_came_lossless_stays_lossless(source, target):
    """Unless a quality is asked for; Pillow makes the file and reads the result."""
    data, kind = io.BytesIO(), source.split()[-1]
    if kind == "avif":
        data.write(encode(Picture((RGB,)), "avif", quality=100))
    else:
        more = [Image.fromarray(page) for page in FILM.pages[1:]] if "animated" in source else []
        film = {"save_all": True, "append_images": more} if more else {}
        Image.fromarray(RGB).save(data, "WEBP", lossless=True, **film)
    picture = read(data.getvalue())
    assert not picture.lossy
    assert (by_pillow_bytes(encode(picture, target), "RGB") == RGB).all()
    assert (by_pillow_bytes(encode(picture, target, quality=80), "RGB") != RGB).any()
    assert (by_pillow_bytes(encode(Picture((RGB,)), target), "RGB") != RGB).any()


def test_an_animation_with_one_lossy_frame_is_lossy():
    data = io.BytesIO()
    frames = [Image.fromarray(page) for page in FILM.pages]
    frames[0].save(data, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    lossless = data.getvalue()
    frames[0].save(data := io.BytesIO(), "WEBP", save_all=True, append_images=frames[1:])
    lossy = data.getvalue()
    assert not read(lossless).lossy
    assert inspect("webp", io.BytesIO(lossless + lossy[lossy.rindex(b"ANMF") :])).lossy
