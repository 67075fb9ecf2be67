"""Whether released files, the table in the code, figures.json, the model cards and the READMEs agree.

Needs no benchmark pictures and runs no network: files are opened and compared.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from elansr.errors import ElansrError
from elansr.evaluation import NAMES, published
from elansr.weights.load import Description, describe
from elansr.weights.released import ReleasedWeights
from tools import figures as stored
from tools.figures import KINDS, SETS, Figures
from tools.pages import HALF, card_path, for_bicubic, read, written

HALF_TOLERANCE = 0.02
"""dB that half precision may be away from fp32 on a benchmark set."""
BICUBIC_TOLERANCE = 0.01
"""dB: further away, the pictures or the protocol are not those of the literature."""
WAY_OUT = "run make figures"
FACT = re.compile(r"^\| ([a-z0-9 ]+) \| (.+) \|$", re.MULTILINE)
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def file_path(root: Path, row: ReleasedWeights) -> Path:
    """Where the file of a row is, in the repository `root`."""
    return root / "src" / "elansr" / "weights" / "released" / row.file


def begun(root: Path, rows: Sequence[ReleasedWeights]) -> list[ReleasedWeights]:
    """The rows whose file or card is there: one that has neither is not released yet."""
    return [row for row in rows if file_path(root, row).exists() or card_path(root, row.name).exists()]


def problems(root: Path, rows: Sequence[ReleasedWeights]) -> list[str]:
    """What does not agree, a sentence each; nothing if all is well.

    Args:
        root: the repository.
        rows: the released weights.
    """
    try:
        figures = stored.load(root)
        rows = begun(root, rows)
        unknown = figures.keys() - {row.name for row in rows}
        found = [f"figures.json: {name} is not released: {WAY_OUT}" for name in sorted(unknown)]
        found += [problem for row in rows for problem in _of_row(root, row, figures.get(row.name))]
        return [*found, *_of_pages(root, rows, figures)]
    except ElansrError as error:
        return [str(error)]


def _of_row(root: Path, row: ReleasedWeights, figures: Figures | None) -> Iterator[str]:
    file = describe(file_path(root, row))
    if file.sha256 != row.sha256:
        yield f"{row.name}: released.py has another sha256 than {row.file}: run make figures ACCEPT=1"
    if figures is None or figures.sha256 != file.sha256:
        yield f"{row.name}: figures.json is not of this {row.file}: {WAY_OUT}"
    elif row in for_bicubic([row]):
        yield from _of_figures(row, figures)
    yield from _of_card(card_path(root, row.name), row, file)


def _of_figures(row: ReleasedWeights, figures: Figures) -> Iterator[str]:
    missing = figures.missing()
    if missing:
        yield f"{row.name}: not measured: {', '.join(missing)}: {WAY_OUT}"
        return
    bicubic, single = (figures.measurements[kind].sets for kind in KINDS[:2])
    for name in SETS["bicubic"]:
        expected = published("bicubic", row.scale, name)
        if expected and abs(bicubic[name].psnr - expected.psnr) > BICUBIC_TOLERANCE:
            yield f"{row.name}: bicubic has {bicubic[name].psnr:.3f} dB on {name}, not {expected.psnr}: check the data"
    for kind in HALF:
        for name, mean in figures.measurements[kind].sets.items():
            if abs(mean.psnr - single[name].psnr) > HALF_TOLERANCE:
                yield f"{row.name}: {kind} is {mean.psnr - single[name].psnr:+.3f} dB off fp32 on {name}"


def _of_card(path: Path, row: ReleasedWeights, file: Description) -> Iterator[str]:
    """A fact that the card states wrongly, or not at all."""
    text = read(path)
    told = {key: LINK.sub(r"\1", value) for key, value in FACT.findall(text)}
    title, _, rest = text.partition("\n")
    if title != f"# {row.name}":
        yield f"{path.name}: its title is not '# {row.name}'"
    if f"{row.scale} times" not in rest.partition("\n```")[0]:
        yield f"{path.name}: its introduction does not say that it enlarges {row.scale} times"
    for key, fact in _facts(row, file).items():
        if not _states(told.get(key, ""), fact):
            yield f"{path.name}: '{key}' is {told.get(key, 'missing')!r}, the file says {fact!r}"


def _facts(row: ReleasedWeights, file: Description) -> Mapping[str, str]:
    """What the table of a card must state."""
    return {
        "network": f"{NAMES[row.preset]}: {file.config.channels} channels, {file.config.blocks} blocks",
        "parameters": f"{file.parameters:,}",
        "licence": file.provenance.licence,
        "file": f"`{row.file}`",
        "sha256": f"`{file.sha256}`",
        "steps": f"{file.provenance.steps:,}",
    }


def _states(value: str, fact: str) -> bool:
    """Whether the fact stands in the value, and not as a part of a longer number or name."""
    return bool(fact) and re.search(rf"(?<![\w-])(?<!\d,){re.escape(fact)}(?![\w-])(?!,\d)", value) is not None


def _of_pages(root: Path, rows: Sequence[ReleasedWeights], figures: Mapping[str, Figures]) -> Iterator[str]:
    for path, text in written(root, rows, figures).items():
        if read(path) != text:
            yield f"{path.name}: its figures or sha256 are not those of figures.json: {WAY_OUT}"
