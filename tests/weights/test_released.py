"""The released weights are what the table says, and names find them."""

import dataclasses
import hashlib
from pathlib import Path

import pytest

from elansr.errors import WeightsError
from elansr.nn.config import PRESETS
from elansr.upscaling import upscaler
from elansr.weights.load import load_network
from elansr.weights.released import FOLDER, RELEASED, ReleasedWeights, family, find, resolve
from elansr.weights.weights_file import load


@pytest.mark.parametrize("name", RELEASED)
def test_a_row_describes_its_file(name: str) -> None:
    row = RELEASED[name]
    ending = {"bicubic": "", "real": "-real"}[row.degradation]
    assert row.name == name == f"{row.preset}-x{row.scale}{ending}"
    assert row.family == row.preset + ending
    assert row.description
    assert "\n" not in row.description
    if not row.path.exists():
        pytest.skip(f"{row.file} is not released yet")
    assert hashlib.sha256(row.path.read_bytes()).hexdigest() == row.sha256
    network, provenance = load(row.path)
    assert network.config == dataclasses.replace(PRESETS[row.preset], scale=row.scale)
    assert provenance.name == name
    assert provenance.licence


def test_every_file_has_a_row() -> None:
    assert {path.name for path in FOLDER.glob("*.safetensors")} <= {row.file for row in RELEASED.values()}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of released weights, with empty files."""
    monkeypatch.setattr("elansr.weights.released.FOLDER", tmp_path)
    for row in RELEASED.values():
        (tmp_path / row.file).touch()
    return tmp_path


def test_names(installed: Path) -> None:
    assert resolve("elan-light-x4") == installed / "elan-light-x4.safetensors"
    assert resolve("elan-light-x4", scale=4) == installed / "elan-light-x4.safetensors"
    assert resolve("elan-light", scale=3) == installed / "elan-light-x3.safetensors"


@pytest.fixture
def real(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows and empty files of weights for real photos at x2 and x4."""
    for scale in (4, 2):
        name = f"elan-light-x{scale}-real"
        monkeypatch.setitem(RELEASED, name, ReleasedWeights(name, "elan-light", scale, "real", "", ""))
        (installed / f"{name}.safetensors").touch()


@pytest.mark.usefixtures("real")
def test_families_do_not_mix(installed: Path) -> None:
    assert (
        resolve("elan-light-real", scale=4)
        == resolve("elan-light-x4-real")
        == installed / "elan-light-x4-real.safetensors"
    )
    assert resolve("elan-light", scale=4) == installed / "elan-light-x4.safetensors"
    assert sorted(family("elan-light-real")) == [2, 4]
    assert sorted(family("elan-light")) == [2, 3, 4]
    assert family("elan-light-x4") == family("auto") == {}
    assert find("elan-light-real", 2).degradation == "real"
    assert find("elan-light", 2).degradation == "bicubic"


@pytest.mark.usefixtures("real")
@pytest.mark.parametrize(
    ("name", "scale", "says"),
    [
        ("elan-light-x4-real", 2, "elan-light-x4-real: .*x4.*x2: choose "),
        ("elan-light-real", 3, "elan-light-real: .*x3: choose "),
        ("elan-light-real", None, "elan-light-real: .*scale.*: choose "),
    ],
)
def test_the_choices_are_those_of_the_family(name: str, scale: int | None, says: str) -> None:
    with pytest.raises(WeightsError, match=says) as refused:
        resolve(name, scale)
    choices = str(refused.value).split("choose ")[1].split(", ")
    assert sorted(choices) == [other for other in ("elan-light-x2-real", "elan-light-x4-real") if other != name]


def test_auto_is_for_files_only() -> None:
    says = "^auto: .*`elansr upscale`.*elan-light-x2, "
    for use in (resolve, load_network, upscaler.load):
        with pytest.raises(WeightsError, match=says):
            use("auto")
    assert resolve("./auto") == Path("./auto")


@pytest.mark.parametrize(
    "path", ["w.safetensors", "W.PTH", "w.pt", "./elan-light-x4", "a/b", "/a/b", "elan-light-x4.pt"]
)
def test_paths_are_taken_as_they_are(path: str) -> None:
    assert resolve(path) == resolve(path, scale=3) == Path(path)
    assert resolve(Path("elan-light-x4")) == Path("elan-light-x4")


@pytest.mark.parametrize(
    ("name", "scale", "says"),
    [
        ("elan-light-x4", 2, "x4.*x2: choose elan-light-x2$"),
        ("elan-light", None, "scale.*: choose elan-light-x2"),
        ("elan-light", 5, "x5: choose elan-light-x2"),
        ("elan-lihgt-x4", None, "'elan-lihgt-x4': .* elan-light-x4\\?"),
        ("elan-lite", 2, "'elan-lite': .* elan-light\\?"),
        ("elan", 4, "'elan': .*elan-light-x2, elan-light-x3, elan-light-x4"),
        ("", None, "'': "),
        ("photo", None, r"'photo': .* \./photo"),
    ],
)
def test_names_that_mean_nothing(name: str, scale: int | None, says: str, installed: Path) -> None:
    with pytest.raises(WeightsError, match=says):
        resolve(name, scale)


def test_a_row_without_its_file(installed: Path) -> None:
    (installed / "elan-light-x2.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"elan-light-x2: .*elan-light-x2\.safetensors"):
        load_network("elan-light-x2")


def test_rows_cannot_be_changed() -> None:
    row = ReleasedWeights("n", "elan", 2, "bicubic", "", "none")
    with pytest.raises(dataclasses.FrozenInstanceError):
        row.scale = 3  # type: ignore[misc]
