"""Which weights a picture goes through: by its format, by its size, and each network loaded once."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from elansr.errors import WeightsError
from elansr.images import FormatName, Picture, Pixels, open_picture, read, write
from elansr.upscaling import choice
from elansr.upscaling.choice import CLEAN_FROM, NOISY_FROM, SOFT_BELOW, Choice, Evidence, Upscalers, weights_for
from elansr.upscaling.condition import Condition
from elansr.upscaling.final_size import FinalSize
from elansr.weights import released

CLEAN = ("elan-light-x2", "elan-light-x3", "elan-light-x4")
REAL = ("elan-light-x2-real", "elan-light-x4-real")


@pytest.fixture(autouse=True)
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A table of weights for clean pictures at every scale and for real photos at x2 and x4; the files are empty."""
    monkeypatch.setattr(released, "FOLDER", tmp_path)
    before = dict(released.RELEASED)
    released.RELEASED.clear()
    for name in (*CLEAN, *REAL):
        kind: released.Degradation = "real" if name in REAL else "bicubic"
        released.RELEASED[name] = released.ReleasedWeights(name, "elan-light", int(name[12]), kind, "", "")
        released.RELEASED[name].path.touch()
    yield
    released.RELEASED.clear()
    released.RELEASED.update(before)  # in their order, which messages and pages keep


@pytest.fixture
def photo_pixels() -> np.ndarray:
    """The example that is shrunk, and so sharp."""
    return read(Path(__file__).parents[2] / "examples" / "cityscape.png").pixels


def without_real() -> None:
    for name in REAL:
        del released.RELEASED[name]


class Loads:
    """Stands in for loading weights: gives something with a scale and notes what was asked."""

    def __init__(self, own_scale: int = 3) -> None:
        self.asked: list[tuple[str, int | None]] = []
        self.own_scale = own_scale

    def __call__(self, name: str, scale: int | None) -> "Loaded":
        self.asked.append((name, scale))
        return Loaded(scale or self.own_scale)


class Loaded:
    def __init__(self, scale: int) -> None:
        self.scale = scale


def upscalers(loads: Loads, model: str = "auto", scale: int | None = None, size: FinalSize | None = None) -> Upscalers:
    return Upscalers(model, scale, size or FinalSize(), loads)  # type: ignore[arg-type]


def picture(
    width: int = 6, height: int = 4, file_format: FormatName = "png", lossy: bool = False, quality: int | None = None
) -> Picture:
    return Picture((np.zeros((height, width, 3), np.uint8),), format=file_format, lossy=lossy, quality=quality)


# --- by the file and its pixels ---

JPEG = Evidence("JPEG", lossy=True)
PNG = Evidence("PNG")


@pytest.mark.parametrize(
    ("scale", "evidence", "model", "reason"),
    [
        (4, JPEG, "elan-light-x4-real", "lossy JPEG"),
        (2, Evidence("WebP", lossy=True), "elan-light-x2-real", "lossy WebP"),
        (4, PNG, "elan-light-x4", "lossless PNG"),
        (3, PNG, "elan-light-x3", "lossless PNG"),
        (3, JPEG, "elan-light-x3", "lossy JPEG, but no -real weights for x3"),
        (4, JPEG._replace(quality=1), "elan-light-x4-real", "JPEG quality 1"),
        (4, JPEG._replace(quality=CLEAN_FROM - 1), "elan-light-x4-real", f"JPEG quality {CLEAN_FROM - 1}"),
        (4, JPEG._replace(quality=CLEAN_FROM), "elan-light-x4", f"JPEG quality {CLEAN_FROM}"),
        (2, JPEG._replace(quality=CLEAN_FROM - 1), "elan-light-x2-real", f"JPEG quality {CLEAN_FROM - 1}"),
        (3, JPEG._replace(quality=72), "elan-light-x3", "JPEG quality 72, but no -real weights for x3"),
        (3, JPEG._replace(quality=100), "elan-light-x3", "JPEG quality 100"),
        (4, PNG._replace(condition=Condition(6.2, 0.9)), "elan-light-x4-real", "noisy, sigma 6"),
        (4, JPEG._replace(quality=95, condition=Condition(6.2, 0.9)), "elan-light-x4-real", "noisy, sigma 6"),
        (4, JPEG._replace(quality=40, condition=Condition(6.2, 0.9)), "elan-light-x4-real", "JPEG quality 40"),
        (4, PNG._replace(condition=Condition(0.4, 0.3)), "elan-light-x4-real", "soft"),
        (4, PNG._replace(condition=Condition(0.4, 0.8)), "elan-light-x4", "lossless PNG"),
        (
            3,
            PNG._replace(condition=Condition(6.2, 0.9)),
            "elan-light-x3",
            "noisy, sigma 6, but no -real weights for x3",
        ),
        (3, PNG._replace(condition=Condition(0.4, 0.3)), "elan-light-x3", "soft, but no -real weights for x3"),
    ],
)
def test_auto_goes_by_loss_noise_and_sharpness(scale: int, evidence: Evidence, model: str, reason: str) -> None:
    assert weights_for("auto", scale, evidence) == Choice(model, reason)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_without_real_weights_everything_goes_through_the_others(scale: int) -> None:
    without_real()
    expected = Choice(f"elan-light-x{scale}", f"lossy JPEG, but no -real weights for x{scale}")
    assert weights_for("auto", scale, JPEG) == expected


def test_the_thresholds_lie_where_they_were_measured_to_cross() -> None:
    """See the tables in `elansr.upscaling.choice`."""
    assert 75 < CLEAN_FROM < 90
    assert 2 < NOISY_FROM < 4
    assert 0.5 < SOFT_BELOW < 0.7


@pytest.mark.parametrize(
    ("model", "scale", "name"),
    [
        ("elan-light", 3, "elan-light-x3"),
        ("elan-light-real", 2, "elan-light-x2-real"),
        ("elan-light-x4-real", None, "elan-light-x4-real"),
        ("./auto", None, "./auto"),
        ("mine.safetensors", 2, "mine.safetensors"),
    ],
)
@pytest.mark.parametrize("evidence", [PNG, JPEG])
def test_what_the_user_named_is_taken_whatever_the_file(
    model: str, scale: int | None, name: str, evidence: Evidence
) -> None:
    assert weights_for(model, scale, evidence) == Choice(name, "")


def test_a_scale_without_weights_is_refused() -> None:
    with pytest.raises(WeightsError, match="x5: choose elan-light-x2, elan-light-x3, elan-light-x4$"):
        weights_for("auto", 5, JPEG)
    with pytest.raises(WeightsError, match="x3: choose elan-light-x2-real, elan-light-x4-real$"):
        weights_for("elan-light-real", 3, JPEG)


def test_the_files_themselves_tell_what_lost_detail(tmp_path: Path) -> None:
    """The name says nothing: both WebP are called alike, and a PNG may be called .jpg."""
    small = Picture((np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8),))
    files = {"lossy/a.webp": 80, "lossless/a.webp": 100, "b.jpg": 95, "d.jpg": 60, "c.png": None}
    for name, quality in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(small, tmp_path / name, quality=quality)
    (tmp_path / "c.png").rename(tmp_path / "c.jpg")
    choose = upscalers(Loads())
    told = {
        name: choose(read(tmp_path / name)).choice[:2]
        for name in ("lossy/a.webp", "lossless/a.webp", "b.jpg", "d.jpg", "c.jpg")
    }
    assert told == {
        "lossy/a.webp": ("elan-light-x4-real", "lossy WebP"),
        "lossless/a.webp": ("elan-light-x4", "lossless WebP"),
        "b.jpg": ("elan-light-x4", "JPEG quality 95"),
        "d.jpg": ("elan-light-x4-real", "JPEG quality 60"),
        "c.jpg": ("elan-light-x4", "lossless PNG"),
    }


def test_a_picture_that_is_read_in_rows_gets_the_same_weights(tmp_path: Path, photo_pixels: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    noisy = np.clip(photo_pixels + rng.normal(0, 8, photo_pixels.shape), 0, 255).astype(np.uint8)
    choose = upscalers(Loads())
    for name, pixels, reason in (("a.png", photo_pixels, "lossless PNG"), ("b.png", noisy, "noisy")):
        write(Picture((pixels,)), tmp_path / name)
        in_rows, in_memory = choose(open_picture(tmp_path / name)), choose(read(tmp_path / name))
        assert in_rows.choice == in_memory.choice
        assert in_rows.choice.reason.startswith(reason)


# --- by the size, and loaded once ---


@pytest.mark.parametrize(
    ("model", "scale", "size", "name", "asked", "label"),
    [
        ("auto", None, FinalSize(), "elan-light-x4", 4, "_x4"),
        ("auto", 2, FinalSize(), "elan-light-x2", 2, "_x2"),
        ("auto", None, FinalSize(outscale=2.5), "elan-light-x3", 3, "_x2.5"),
        ("elan-light", None, FinalSize(), "elan-light-x4", 4, "_x4"),
        ("elan-light", 2, FinalSize(), "elan-light-x2", 2, "_x2"),
        ("elan-light", None, FinalSize(outscale=2.5), "elan-light-x3", 3, "_x2.5"),
        ("elan-light", 4, FinalSize(outscale=2.5), "elan-light-x4", 4, "_x2.5"),
        ("elan-light-real", None, FinalSize(), "elan-light-x4-real", 4, "_x4"),
        ("elan-light-real", None, FinalSize(outscale=2.5), "elan-light-x4-real", 4, "_x2.5"),
        ("elan-light-x2", None, FinalSize(), "elan-light-x2", 2, "_x2"),
        ("elan-light-x2-real", None, FinalSize(height=1080), "elan-light-x2-real", 2, "_h1080"),
        ("file.safetensors", None, FinalSize(width=640), "file.safetensors", None, "_w640"),
        ("file.safetensors", None, FinalSize(), "file.safetensors", None, "_x3"),
    ],
)
def test_weights_are_loaded_once(
    model: str, scale: int | None, size: FinalSize, name: str, asked: int | None, label: str
) -> None:
    loads = Loads()
    choose = upscalers(loads, model, scale, size)
    assert choose.label == label
    one, two = choose(picture(10, 10)), choose(picture(100, 20))
    assert one.upscaler is two.upscaler
    assert one.choice.model == name
    assert loads.asked == [(name, asked)]


def test_a_mixed_folder_loads_both_networks_and_each_once() -> None:
    loads = Loads()
    choose = upscalers(loads)
    choose.prepare()
    assert loads.asked == []
    jpeg, png = picture(file_format="jpeg", lossy=True), picture()
    models = [choose(each).choice.model for each in (jpeg, png, jpeg, png, jpeg)]
    assert models == ["elan-light-x4-real", "elan-light-x4"] * 2 + ["elan-light-x4-real"]
    assert loads.asked == [("elan-light-x4-real", 4), ("elan-light-x4", 4)]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("elan-light", [(2, ""), (2, ""), (3, ""), (4, ""), (4, "")]),
        ("elan-light-real", [(2, "-real"), (2, "-real"), (4, "-real"), (4, "-real"), (4, "-real")]),
        ("auto", [(2, "-real"), (2, "-real"), (3, ""), (4, "-real"), (4, "-real")]),
    ],
)
def test_the_scale_follows_the_picture_where_the_width_is_given(model: str, expected: list[tuple[int, str]]) -> None:
    """Final width 100 of lossy pictures; -real weights have no x3, so their family goes on to x4."""
    choose = upscalers(Loads(), model, size=FinalSize(width=100))
    ready = [choose(picture(width, 9, "jpeg", lossy=True)) for width in (200, 50, 40, 25, 10)]
    assert [each.choice.model for each in ready] == [f"elan-light-x{scale}{ending}" for scale, ending in expected]
    assert [each.upscaler.scale for each in ready] == [scale for scale, _ in expected]


# --- before the first picture ---


@pytest.mark.parametrize(
    ("model", "size", "needed"),
    [
        ("elan-light", FinalSize(width=100), CLEAN),
        ("elan-light-real", FinalSize(width=100), REAL),
        ("auto", FinalSize(), ("elan-light-x4", "elan-light-x4-real")),
        ("auto", FinalSize(outscale=3), ("elan-light-x3",)),
        ("auto", FinalSize(width=100), (*CLEAN, *REAL)),
    ],
)
def test_every_file_that_may_be_needed_has_to_be_there(model: str, size: FinalSize, needed: tuple[str, ...]) -> None:
    for name in (*CLEAN, *REAL):
        released.RELEASED[name].path.unlink()
        choose = upscalers(Loads(), model, size=size)
        if name in needed:
            with pytest.raises(WeightsError, match=rf"{name}: .*{name}\.safetensors"):
                choose.prepare()
        else:
            choose.prepare()
        released.RELEASED[name].path.touch()


def test_the_only_weights_there_can_be_are_loaded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    without_real()
    for model, scale, asked in (("auto", 4, "elan-light-x4"), ("mine.pth", None, "mine.pth")):
        loads = Loads()
        upscalers(loads, model, scale).prepare()
        assert loads.asked == [(asked, scale)]


# --- at a strength ---


@pytest.mark.parametrize("evidence", [PNG, JPEG])
@pytest.mark.parametrize("model", ["auto", "elan-light-real", "elan-light-x4-real"])
def test_a_strength_holds_for_every_picture(model: str, evidence: Evidence) -> None:
    assert weights_for(model, 4, evidence, 0.5) == Choice("elan-light-x4-real", "", 0.5)


def test_a_strength_goes_to_the_smallest_scale_of_real_weights() -> None:
    loads = Loads()
    choose = Upscalers("auto", None, FinalSize(outscale=2.5), loads, 0.5)  # type: ignore[arg-type]
    choose.prepare()
    assert choose(picture()).choice == Choice("elan-light-x4-real", "", 0.5)
    assert loads.asked == [("elan-light-x4-real", 4)]


@pytest.mark.parametrize(
    ("model", "scale"), [("elan-light", 4), ("elan-light-x2", None), ("auto", 3), ("elan-light-real", 3)]
)
def test_weights_without_a_strength_are_refused_before_the_work(model: str, scale: int | None) -> None:
    with pytest.raises(WeightsError):
        Upscalers(model, scale, FinalSize(), Loads(), 0.5).prepare()  # type: ignore[arg-type]


def test_a_choice_says_its_strength() -> None:
    assert Choice("elan-light-x4-real", "").label == "elan-light-x4-real"
    assert Choice("elan-light-x4-real", "", 0.25).label == "elan-light-x4-real at strength 0.25"


def test_pixels_are_not_looked_at_where_compression_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a picture in rows that would be one more pass over the whole file."""
    looked: list[Pixels] = []

    def measure(pixels: Pixels) -> Condition:
        looked.append(pixels)
        return Condition()

    monkeypatch.setattr(choice, "measure", measure)
    for quality in (CLEAN_FROM - 1, CLEAN_FROM):
        picture = Picture((np.zeros((8, 8, 3), np.uint8),), "jpeg", lossy=True, quality=quality)
        choice._evidence(picture)
    assert len(looked) == 1
