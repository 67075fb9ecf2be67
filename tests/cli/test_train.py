"""`elansr train` as a user runs it: what it prints can be done."""

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from elansr.cli.main import app
from elansr.training.run_folder import LOG, TrainingEntry
from tests.training.recipes import recipe_file

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's
RUN = CliRunner()


def test_a_run_ends_with_the_command_that_goes_on(tmp_path: Path) -> None:
    path = recipe_file(tmp_path, "my run")
    first = RUN.invoke(app, ["train", str(path)])
    assert first.exit_code == 0, first.output
    assert str(tmp_path / "my run" / "best.safetensors") in first.stdout
    (command,) = [line for line in first.stdout.splitlines() if "--resume" in line]
    program, *arguments = shlex.split(command[command.index("elansr train") :])
    second = RUN.invoke(app, arguments)
    assert (program, second.exit_code) == ("elansr", 0), second.output
    log = (tmp_path / "my run_longer" / LOG).read_text().splitlines()
    assert [json.loads(line)["step"] for line in log if "loss" in line] == [6, 8]


def test_a_finished_run_says_so(tmp_path: Path) -> None:
    path = recipe_file(tmp_path)
    first, second = (RUN.invoke(app, ["train", str(path)]) for _ in range(2))
    assert (first.exit_code, second.exit_code) == (0, 0), second.output
    assert "already finished: 4 steps" in second.stdout
    assert "already" not in first.stdout


def test_an_interrupted_run_says_what_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = recipe_file(tmp_path, steps=5, checkpoint_every=2, log_every=4)

    def interrupt(entry: object) -> str:
        if isinstance(entry, TrainingEntry):
            raise KeyboardInterrupt
        return ""

    monkeypatch.setattr("elansr.cli.train._line", interrupt)
    ended = RUN.invoke(app, ["train", str(path)])
    assert ended.exit_code == 130, ended.output
    assert "lost: 1 step " in ended.stderr  # in step 4, before its checkpoint
    assert "step_000000002.ckpt" in ended.stderr


@pytest.mark.parametrize("changes", [["--set", "schedule.stpes=4"], ["--set", "schedule.halve_at=1,2"], ["--set", "x"]])
def test_a_mistake_ends_with_one_line_and_code_2(tmp_path: Path, changes: list[str]) -> None:
    result = RUN.invoke(app, ["train", str(recipe_file(tmp_path)), *changes])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert changes[1].split("=")[0] in result.stderr
