"""`elansr train` as a user runs it: what it prints can be done."""

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from elansr.cli.main import app
from elansr.training.run_folder import LOG
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


@pytest.mark.parametrize("changes", [["--set", "schedule.stpes=4"], ["--set", "schedule.halve_at=1,2"], ["--set", "x"]])
def test_a_mistake_ends_with_one_line_and_code_2(tmp_path: Path, changes: list[str]) -> None:
    result = RUN.invoke(app, ["train", str(recipe_file(tmp_path)), *changes])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert changes[1].split("=")[0] in result.stderr
