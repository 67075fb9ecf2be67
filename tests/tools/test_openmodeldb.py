"""Metadata for OpenModelDB: what it says is what the files say, and what is stale is found."""

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import pytest
import typer

from elansr.errors import WeightsError
from elansr.weights.released import RELEASED
from elansr.weights.weights_file import load
from tools import openmodeldb
from tools.checks import begun, file_path
from tools.openmodeldb import entry_path, problems, written

ROOT = Path(__file__).resolve().parents[2]
ROWS = begun(ROOT, list(RELEASED.values()))
X2 = RELEASED["elan-light-x2"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one released file."""
    path = file_path(tmp_path, X2)
    path.parent.mkdir(parents=True)
    shutil.copy(file_path(ROOT, X2), path)
    entry_path(tmp_path, X2).parent.mkdir(parents=True)
    return tmp_path


def write(texts: dict[Path, str]) -> None:
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")


def test_what_is_released_agrees() -> None:
    """Fails after a released file was replaced, until `make figures` or `python -m tools.openmodeldb` has run."""
    assert problems(ROOT, ROWS) == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_figures_are_those_of_the_file(row: openmodeldb.ReleasedWeights) -> None:
    model = json.loads(entry_path(ROOT, row).read_text(encoding="utf-8"))
    data = file_path(ROOT, row).read_bytes()
    network, story = load(file_path(ROOT, row))
    (resource,) = model["resources"]
    assert (resource["sha256"], resource["size"]) == (hashlib.sha256(data).hexdigest(), len(data))
    assert (resource["platform"], resource["type"]) == ("pytorch", "safetensors")
    assert (model["scale"], model["inputChannels"], model["outputChannels"]) == (network.config.scale, 3, 3)
    assert (model["license"], model["date"], model["dataset"]) == (story.licence, story.created, story.data)
    assert model["trainingOTF"] == row.name.endswith("-real")


def test_the_file_name_is_the_models_id() -> None:
    assert {entry_path(ROOT, row).stem for row in ROWS} >= {"2x-elan-light", "4x-elan-light", "4x-elan-light-real"}
    assert len({entry_path(ROOT, row) for row in ROWS}) == len(ROWS)


def test_a_missing_a_stale_and_an_unknown_file_are_found(root: Path) -> None:
    assert problems(root, [X2]) == ["2x-elan-light.json: does not say what the released file says: run make figures"]
    write(written(root, [X2]))
    assert problems(root, [X2]) == []
    assert "does not say" in problems(root, [dataclasses.replace(X2, description="another")])[0]
    (entry_path(root, X2).parent / "9x-elan.json").write_text("{}")
    assert problems(root, [X2]) == ["9x-elan.json: there are no such weights: delete it"]


def test_addresses_are_said_once_and_stay(root: Path) -> None:
    def urls() -> list[str]:
        return json.loads(entry_path(root, X2).read_text(encoding="utf-8"))["resources"][0]["urls"]

    write(written(root, [X2]))
    assert urls() == []
    write(written(root, [X2], url="https://example.org/files/"))
    write(written(root, [X2]))
    assert urls() == [f"https://example.org/files/{X2.file}"]


def test_a_file_that_is_not_ours_is_not_overwritten(root: Path) -> None:
    for text in ("nothing", "[]", '{"resources": 3}'):
        entry_path(root, X2).write_text(text)
        with pytest.raises(WeightsError, match="not what this tool writes: delete it"):
            written(root, [X2])


def test_the_command(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(openmodeldb, "ROOT", root)
    monkeypatch.setattr(openmodeldb, "RELEASED", {X2.name: X2})
    for check, code, says in ((True, 1, "does not say"), (False, 0, "agree"), (True, 0, "agree")):
        with pytest.raises(typer.Exit) as ended:
            openmodeldb.command(check=check)
        assert ended.value.exit_code == code
        assert says in "".join(capsys.readouterr())
    file_path(root, X2).write_bytes(b"nothing")
    with pytest.raises(typer.Exit) as ended:
        openmodeldb.command()
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err.startswith("error: ")
