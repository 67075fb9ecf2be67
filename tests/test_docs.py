"""The documentation: links lead somewhere, commands parse, Python runs, and no number is left to fill in."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import typer

from elansr.cli.main import Commands, app
from elansr.images import Picture, read, write

ROOT = Path(__file__).resolve().parents[1]
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
PAGES = [*READMES, *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "model_cards").glob("*.md"))]
LINKED = [
    *PAGES,
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    *(ROOT / folder / "README.md" for folder in ("examples", "comfyui")),
]
WITH_PYTHON = [
    *READMES,
    *(
        ROOT / "docs" / f"{page}.md"
        for page in ("compare", "degradation", "export", "hub", "python", "serve", "spandrel")
    ),
]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
TABLE_ROW = re.compile(r"^\|.*\|$", re.MULTILINE)
FIXED = re.compile(r"`[^`]+`|\d[\d.]*")  # what a translation leaves as it is
SHELL_OPERATORS = {"|", ">", ">>", "<", "&&", ";"}


TEXTS = [
    *LINKED,
    *sorted((ROOT / "recipes").glob("*.toml")),
    *sorted((ROOT / "docker").iterdir()),
    *(ROOT / name for name in ("examples/before_after.py", "comfyui/__init__.py", "hubconf.py", "pyproject.toml")),
]
PATH = re.compile(r"(?<![\w/.@-])(?:src|tests|tools|recipes|model_cards)/[\w./-]*\w(?![\w/.{*-]|\.\.\.)")
DOTTED = re.compile(r"\b(elansr|tools)((?:\.[A-Za-z_]\w*)+)")


class Block(NamedTuple):
    """A fenced block: its page, its language and its text."""

    page: Path
    language: str
    text: str


def name(value: object) -> str:
    """What pytest calls a parameter."""
    return str(value.relative_to(ROOT)) if isinstance(value, Path) else str(value)


def blocks(page: Path) -> Iterator[Block]:
    for language, text in FENCE.findall(page.read_text(encoding="utf-8")):
        yield Block(page, language, text)


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def command_lines(program: str) -> list[tuple[Path, str]]:
    """Every line of a fenced block that calls `program`, with its page."""
    return [
        (block.page, line.removeprefix("$ "))
        for page in [*LINKED]
        for block in blocks(page)
        for line in block.text.splitlines()
        if line.removeprefix("$ ").startswith(f"{program} ")
    ]


def words(line: str) -> list[str]:
    """The words of a shell command, up to a comment, a pipe or a redirection."""
    found = shlex.split(line, comments=True)
    end = next((i for i, word in enumerate(found) if word in SHELL_OPERATORS), len(found))
    return found[:end]


def anchors(page: Path) -> set[str]:
    """What links can name in a page: its headings, as GitHub writes them."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(prose(page)))
    return {heading.strip().replace(" ", "-") for heading in plain}


def sections(text: str) -> list[str]:
    """The parts of a page between its headings."""
    return re.split(r"^#+ .*$", text, flags=re.MULTILINE)


def is_there(dotted: tuple[str, str]) -> bool:
    """Whether a module has the name, as the file of a module or a word in it."""
    package, rest = dotted
    place = ROOT / "src" / package if package == "elansr" else ROOT / package
    for part in rest.strip(".").split("."):
        if (place / part / "__init__.py").is_file():
            place /= part
        elif (place / f"{part}.py").is_file():
            place /= f"{part}.py"
        else:
            file = place / "__init__.py" if place.is_dir() else place
            return bool(re.search(rf"\b{part}\b", file.read_text(encoding="utf-8")))
    return True


@pytest.mark.parametrize("page", LINKED, ids=name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target}: there is no {file}"
        assert file.is_relative_to(ROOT), f"{target}: leads out of the repository"
        assert not anchor or anchor in anchors(file), f"{target}: {file.name} has no such heading"


@pytest.mark.parametrize("page", TEXTS, ids=name)
def test_every_path_and_dotted_name_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for path in PATH.findall(text):
        assert (ROOT / path).exists(), f"there is no {path}"
    for dotted in DOTTED.findall(text):
        assert is_there(dotted), f"there is no {dotted}"


def test_there_are_pages_and_commands_to_check() -> None:
    """So that a change of style cannot leave the other tests with nothing to do."""
    assert len(PAGES) >= 11
    assert len(command_lines("elansr")) >= 30
    assert all(any(block.language == "python" for block in blocks(page)) for page in WITH_PYTHON)


@pytest.mark.parametrize(("page", "line"), command_lines("elansr"), ids=name)
def test_every_elansr_command_parses(page: Path, line: str) -> None:
    """Options and values are looked at, nothing is run and no file is opened."""
    _, *arguments = words(line)
    group = typer.main.get_command(app)
    assert isinstance(group, Commands)
    try:
        context = group.make_context("elansr", list(arguments))
        command = group.get_command(context, arguments[0])
        assert command is not None, f"there is no command {arguments[0]!r}"
        command.make_context(arguments[0], arguments[1:], parent=context)
    except typer.Exit:  # --help and --version answer while they are parsed
        assert {"--help", "-h", "--version"} & set(arguments)
    for word in arguments:
        if word.startswith(("examples/", "recipes/")):
            assert (ROOT / word).exists(), f"{word} is not in the repository"


@pytest.mark.parametrize(("page", "line"), command_lines("make"), ids=name)
def test_every_make_target_is_there(page: Path, line: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = [word for word in words(line)[1:] if "=" not in word]
    assert targets
    for target in targets:
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), f"the Makefile has no target {target}"


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name)
def test_python_compiles(page: Path) -> None:
    for block in blocks(page):
        if block.language == "python":
            compile(block.text, str(page), "exec")


@pytest.mark.parametrize("page", READMES, ids=name)
def test_the_python_of_the_readme_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands but for the weights, x2 instead of x4, on a small piece of an example photo."""
    otter = read(ROOT / "examples" / "otter.jpg")
    write(Picture((otter.pixels[80:112, 60:108],), icc=otter.icc), tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    (code,) = [block.text for block in blocks(page) if block.language == "python"]
    assert "elan-light-x4" in code
    exec(compile(code.replace("elan-light-x4", "elan-light-x2"), str(page), "exec"), {})
    large = read("photo_large.png")
    assert large.pixels.shape == (64, 96, 3)
    assert large.icc == otter.icc


def test_the_readme_links_to_every_page() -> None:
    linked = set(LINK.findall(prose(READMES[0])))
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= linked


def test_both_readmes_have_the_same_headings_and_links() -> None:
    english, chinese = (prose(readme) for readme in READMES)
    levels = [[len(marks) for marks in re.findall(r"^(#+) ", page, re.MULTILINE)] for page in (english, chinese)]
    assert levels[0] == levels[1]
    for left, right in zip(sections(english), sections(chinese), strict=True):
        others = [sorted(set(LINK.findall(section)) - {"README.md", "README.zh-CN.md"}) for section in (left, right)]
        assert others[0] == others[1]


def test_both_readmes_have_the_same_tables() -> None:
    """Their cells have the same code, links and numbers in the same places."""
    english, chinese = (TABLE_ROW.findall(prose(readme)) for readme in READMES)
    assert len(english) > 20
    for left, right in zip(english, chinese, strict=True):
        cells = [[FIXED.findall(LINK.sub(r"\1", cell)) for cell in row.split("|")] for row in (left, right)]
        assert cells[0] == cells[1], f"{left}\n{right}"


def test_both_readmes_have_the_same_fenced_blocks() -> None:
    """But for their comments."""
    english, chinese = ([re.sub(r" *#.*", "", block.text) for block in blocks(readme)] for readme in READMES)
    assert english == chinese


@pytest.mark.parametrize("page", LINKED, ids=name)
def test_no_number_is_left_to_fill_in(page: Path) -> None:
    assert not re.findall(r"@@\w*@*", page.read_text(encoding="utf-8"))
