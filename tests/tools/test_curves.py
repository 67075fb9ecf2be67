"""Learning curves: what is drawn is what curves.json holds, a run comes from its folder, a stale picture is found."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

from elansr.errors import DataError
from elansr.weights.released import RELEASED
from tools import curves
from tools.checks import begun
from tools.curves import Run, digest, draw, draw_all, load, problems, run_of, save, with_run

ROOT = Path(__file__).resolve().parents[2]
FIRST = Run("first", 100, 60, ((50, 28.0), (100, 29.0)))
SECOND = Run("second", 200, 120, ((200, 29.5),))
MOST_BYTES = 60_000


def test_what_is_released_agrees() -> None:
    """Fails after curves.json was changed, until `make figures` has drawn the curves anew."""
    assert problems(ROOT, [row.name for row in begun(ROOT, list(RELEASED.values()))]) == []


def test_released_curves_are_small() -> None:
    sizes = {name: curves.picture_path(ROOT, name).stat().st_size for name in load(ROOT)}
    assert all(size < MOST_BYTES for size in sizes.values()), sizes


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a curve and the card that shows it."""
    root = tmp_path_factory.mktemp("drawn")
    for folder in ("model_cards", "docs/images"):
        (root / folder).mkdir(parents=True)
    save(root, {"net-x2": (FIRST, SECOND)})
    (root / "model_cards/net-x2.md").write_text("![curve](../docs/images/curve_net-x2.png)\n", encoding="utf-8")
    draw_all(root)
    return root


@pytest.fixture
def root(drawn: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(drawn, tmp_path / "copy")


Log = list[dict[str, float]]


@pytest.fixture
def run_folder(tmp_path: Path) -> Callable[..., Path]:
    """Makes the folder of a run as training leaves it."""

    def make(name: str = "third_x2", log: Log | None = None, real: bool = False, start_from: str | None = None) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        network = {"preset": "net", "scale": 2, "start_from": start_from}
        recipe = {"network": network, "data": {"degradation": {} if real else None}}
        (folder / "recipe.json").write_text(json.dumps(recipe), encoding="utf-8")
        lines = [json.dumps(entry) for entry in (log if log is not None else LOG)]
        (folder / "log.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder

    return make


def progress(step: int, seconds: float) -> dict[str, float]:
    others = {"loss": 0.1, "learning_rate": 1e-3, "gradient_norm": 1.0, "bad_steps": 0, "data_share": 0.0}
    return {"step": step, "seconds_per_step": seconds, **others}


LOG: Log = [
    progress(50, 1.0),
    progress(100, 2.0),
    {"step": 100, "val_psnr_y": 30.12345, "seconds": 7.0},
    progress(120, 0.5),
    {"step": 120, "val_psnr_y": 30.25, "seconds": 8.0},
]


def test_a_run_from_its_folder(run_folder: Callable[..., Path]) -> None:
    """50 steps of 1 s, 50 of 2 s, 20 of 0.5 s, validations of 7 and 8 s: 175 s."""
    run, started_from = run_of("net-x2", run_folder(start_from="net-x2"))
    assert run == Run("third_x2", 120, 175, ((100, 30.123), (120, 30.25)))
    assert started_from == "net-x2"


def test_folders_that_are_refused(run_folder: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"missing: not the folder of a run .*: name one that elansr train made"):
        run_of("net-x2", tmp_path / "missing")
    with pytest.raises(DataError, match="real_x2: a run of net-x2-real, not of net-x2"):
        run_of("net-x2", run_folder("real_x2", real=True))
    with pytest.raises(DataError, match="young: has no validation yet"):
        run_of("net-x2", run_folder("young", LOG[:2]))
    with pytest.raises(DataError, match="odd: not the folder of a run"):
        run_of("net-x2", run_folder("odd", [{"step": 1, "val_psnr_y": 1.0, "surprise": 2.0}]))


@pytest.mark.parametrize(
    ("started_from", "expected"),
    [
        ("net-x2", (FIRST, SECOND)),
        ("runs/first/best.safetensors", (FIRST, SECOND)),
        ("net-x4", (SECOND,)),
        ("runs/other/best.safetensors", (SECOND,)),
        ("", (SECOND,)),
    ],
)
def test_runs_before_it_stay_only_if_it_went_on_from_them(started_from: str, expected: tuple[Run, ...]) -> None:
    assert with_run((FIRST,), "net-x2", SECOND, started_from) == expected


def test_a_run_is_added_once() -> None:
    with pytest.raises(DataError, match="first: is there already"):
        with_run((FIRST, SECOND), "net-x2", FIRST, "net-x2")
    assert with_run((), "net-x2", FIRST, "") == (FIRST,)


def test_what_is_saved_comes_back(root: Path) -> None:
    assert load(root) == {"net-x2": (FIRST, SECOND)}
    assert len((root / "model_cards/curves.json").read_text(encoding="utf-8").splitlines()) == 6


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[100, 29.0]", "[101, 29.0]"),
        ("[50, 28.0]", "[100, 28.0]"),
        ("[[200, 29.5]]", "[]"),
        ('"recipe"', '"name"'),
        ("29.5", '"much"'),
        ("}", ""),
    ],
)
def test_curves_that_are_none(old: str, new: str, root: Path) -> None:
    path = root / "model_cards/curves.json"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(DataError, match=r"curves\.json: not the runs that --add writes .*: restore it"):
        load(root)
    (found,) = problems(root, ["net-x2"])
    assert "restore it" in found


def test_the_picture() -> None:
    """A light PNG that a page can show, with a colour for each run."""
    data = draw((FIRST, SECOND))
    picture = Image.open(io.BytesIO(data))
    assert (picture.format, picture.info[curves.DRAWN_FROM]) == ("PNG", digest((FIRST, SECOND)))
    assert len(data) < MOST_BYTES
    pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert (pixels == 255).all(1).mean() > 0.7
    blue, orange, green = ((pixels == color).all(1).any() for color in ((31, 119, 180), (255, 127, 14), (44, 160, 44)))
    assert (blue, orange, green) == (True, True, False)


def test_only_what_changed_is_drawn(root: Path) -> None:
    assert draw_all(root) == []
    save(root, {"net-x2": (FIRST, SECOND), "net-x4": (FIRST,)})
    assert draw_all(root) == [root / "docs/images/curve_net-x4.png"]


def test_each_way_to_disagree(root: Path) -> None:
    assert problems(root, ["net-x2"]) == []
    (root / "model_cards/net-x3.md").write_text("", encoding="utf-8")
    assert problems(root, ["net-x3"]) == [
        "curves.json: net-x2 is not released: take it out",
        "curves.json: no run of net-x3: python -m tools.curves --add net-x3 RUN_FOLDER",
        "net-x3.md: does not show ../docs/images/curve_net-x3.png",
    ]
    save(root, {"net-x2": (FIRST,)})
    assert problems(root, ["net-x2"]) == ["curve_net-x2.png: not drawn from curves.json as it is: run make figures"]
    (root / "docs/images/curve_net-x2.png").write_bytes(b"no picture")
    assert len(problems(root, ["net-x2"])) == 1


def test_the_command(
    root: Path, run_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(curves, "ROOT", root)
    monkeypatch.setattr(curves, "RELEASED", {})
    with pytest.raises(typer.Exit) as ended:
        curves.command(new=("net-x2", run_folder(start_from="net-x2")))
    assert ended.value.exit_code == 1  # no weights are released in this repository
    assert capsys.readouterr().out == "net-x2: first, then second, then third_x2\ndrawn: docs/images/curve_net-x2.png\n"
    with pytest.raises(typer.Exit) as ended:
        curves.command(new=("net-x9", root.parent / "third_x2"))
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err.startswith("error: ")
