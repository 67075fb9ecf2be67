"""Arguments that messages of the library name, as flags; and the names of both agree."""

import ast
import inspect
import re
from pathlib import Path

import pytest
import typer

import elansr
from elansr.cli.flags import ARGUMENT, SPELLED, in_flags
from elansr.cli.main import app

SOURCE = Path(elansr.__file__).parent
LIBRARY = [path for path in sorted(SOURCE.rglob("*.py")) if path.relative_to(SOURCE).parts[0] != "cli"]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("raise `max_pixels` if", "raise --max-pixels if"),
        ("or `overwrite=True`", "or --overwrite"),
        ("or `existing='replace'`", "or --overwrite"),
        ("use `device=cpu`", "use --device cpu"),
        ("`ext='zip'`: must", "--ext zip: must"),
        ("`check=False` measures", "--no-check measures"),
        ("run `elansr export NAME` first", "run `elansr export NAME` first"),
        ("two\n  lines", "two lines"),
    ],
)
def test_arguments_become_flags(message: str, expected: str) -> None:
    assert in_flags(message) == expected


def raised_texts(path: Path) -> list[str]:
    """The texts of a file's messages: what docstrings and comments say is not among them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    documentation = {id(node.value) for node in statements}
    strings = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return [str(node.value) for node in strings if id(node) not in documentation]


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_the_library_names_no_flag(path: Path) -> None:
    texts = [re.sub(r"`(elansr|ray) [^`]*`|`(elansr|ray) .*$", "", text) for text in raised_texts(path)]
    assert [text for text in texts if re.search(r"(^|[ (])--[a-z]|[ (]-[a-z]\b", text) and " " in text.strip()] == []


def test_every_argument_that_a_message_names_has_its_flag() -> None:
    flags = {
        flag for command in typer.main.get_command(app).commands.values() for p in command.params for flag in p.opts
    }
    files = [path for path in LIBRARY if path.parent.name != "server"]  # which speaks of form fields
    named = {match[0] for path in files for text in raised_texts(path) for match in ARGUMENT.finditer(text)}
    assert named
    wrong = {name for name in named if in_flags(name).split()[0] not in flags} - {"`pixels`", "`pages`", "`inputs`"}
    assert wrong == set()


def test_every_special_spelling_is_an_argument() -> None:
    parameters = {
        *inspect.signature(elansr.upscale).parameters,
        *inspect.signature(elansr.evaluate).parameters,
        *inspect.signature(__import__("elansr.evaluation", fromlist=["compare"]).compare).parameters,
    }
    assert {name.partition("=")[0] for name in SPELLED} <= parameters
