"""Writes the generated parts of pages: tables of the READMEs, figures and sha256 of the cards.

Figures stand between two comments, `BEGIN` and `END`; everything around them is written by hand and stays.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from elansr.errors import DataError
from elansr.evaluation import NAMES, published
from elansr.text import reason
from elansr.weights.released import ReleasedWeights
from tools.figures import SETS, Figures, Kind, Mean, Measurement

BEGIN = "<!-- figures: begin (written by `make figures`) -->"
END = "<!-- figures: end -->"
HALF: tuple[Kind, ...] = ("bf16", "fp16")
BICUBIC_AND_PAPER = {
    "README.md": ("bicubic", "{} in the paper"),
    "README.zh-CN.md": ("双三次插值", "论文中的 {}"),
}
"""How each README calls the rows above and below ours."""
CARD_INTRODUCTION = (
    "PSNR-Y in dB / SSIM-Y under the [protocol of the literature](../docs/evaluation.md), fp32, the paper's borders:"
)
HALF_INTRODUCTION = "In half precision, PSNR-Y in dB and the difference from fp32:"
SHA256_LINE = re.compile(r"^\| sha256 \| `([0-9a-f]*)` \|$", re.MULTILINE)


def card_path(root: Path, name: str) -> Path:
    """Where the model card of `name` is, in the repository `root`."""
    return root / "model_cards" / f"{name}.md"


def for_bicubic(rows: Sequence[ReleasedWeights]) -> list[ReleasedWeights]:
    """The weights that the benchmark sets measure; LR of other degradations has figures of its own, by hand."""
    return [row for row in rows if row.degradation == "bicubic"]


def written(root: Path, rows: Sequence[ReleasedWeights], figures: Mapping[str, Figures]) -> dict[Path, str]:
    """Every page with its figures as it must read, as far as the figures are measured.

    Args:
        root: the repository.
        rows: the released weights.
        figures: by name.

    Raises:
        DataError: a page that is missing, or without the one place to write to.
    """
    measured = [row for row in for_bicubic(rows) if _has(figures.get(row.name), "bicubic", "fp32")]
    cards = {row.name: card_path(root, row.name) for row in rows if row.name in figures}
    pages = {path: with_sha256(path, figures[name].sha256) for name, path in cards.items()}
    for row in measured:
        path = cards[row.name]
        pages[path] = with_figures(path, _card_figures(row, figures[row.name]), pages[path])
    if measured == for_bicubic(rows):
        for name in BICUBIC_AND_PAPER:
            page = root / name
            pages[page] = with_figures(page, _readme_table(name, measured, figures), read(page))
    return pages


def with_sha256(path: Path, sha256: str) -> str:
    """A card's text with the hash of its file.

    Raises:
        DataError: no card, or not exactly one line of a sha256.
    """
    text = read(path)
    if len(SHA256_LINE.findall(text)) != 1:
        raise DataError(f"{path}: must have exactly one line '| sha256 | `...` |': write it")
    return SHA256_LINE.sub(f"| sha256 | `{sha256}` |", text)


def with_figures(path: Path, figures: str, text: str) -> str:
    """A page's text with `figures` in their place.

    Args:
        path: of the page, for the error.
        figures: Markdown.
        text: of the page.

    Raises:
        DataError: not exactly one pair of comments.
    """
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end or text.count(BEGIN) > 1 or text.count(END) > 1:
        raise DataError(f"{path}: must have one line {BEGIN} and after it one line {END}: write them")
    return f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}"


def read(path: Path) -> str:
    """The text of a page.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise DataError(f"{path}: cannot be read ({reason(error)}): write it, see CONTRIBUTING.md") from error


def _has(figures: Figures | None, *kinds: Kind) -> bool:
    return figures is not None and all(kind in figures.measurements for kind in kinds)


def _card_figures(row: ReleasedWeights, figures: Figures) -> str:
    rows = _rows(row, figures, "", ("bicubic", f"**{row.name}**", "{} in the paper"))
    half = [kind for kind in HALF if kind in figures.measurements]
    parts = [CARD_INTRODUCTION, _table(SETS["fp32"], rows)]
    parts += [HALF_INTRODUCTION, _half_table(figures, half)] if half else []
    kinds: list[Kind] = ["fp32", "bicubic", *half]
    commands = "\n".join(figures.measurements[kind].command for kind in kinds)
    parts += [f"```bash\n{commands}\n```", _circumstances(figures.measurements["fp32"])]
    return "\n\n".join(parts)


def _circumstances(measured: Measurement) -> str:
    return f"Measured with elansr {measured.elansr}, PyTorch {measured.torch}, `--device {measured.device}`."


def _readme_table(page: str, rows: Sequence[ReleasedWeights], figures: Mapping[str, Figures]) -> str:
    bicubic, paper = BICUBIC_AND_PAPER[page]
    lines: list[str] = []
    for row in rows:
        ours = f"**x{row.scale} [`{row.name}`](model_cards/{row.name}.md)**"
        lines += _rows(row, figures[row.name], f"x{row.scale} ", (bicubic, ours, paper))
    return _table(SETS["fp32"], lines)


def _rows(row: ReleasedWeights, figures: Figures, scale: str, labels: tuple[str, str, str]) -> Iterator[str]:
    """Bicubic, ours and the paper's; `scale` stands before the first and the last label."""
    bicubic, ours, paper = labels
    network = NAMES[row.preset]
    results = [published(network, row.scale, name) for name in SETS["fp32"]]
    yield _line(f"{scale}{bicubic}", [_cell(figures.measurements["bicubic"].sets[name]) for name in SETS["fp32"]])
    yield _line(ours, [_cell(figures.measurements["fp32"].sets[name]) for name in SETS["fp32"]])
    yield _line(f"{scale}{paper.format(network)}", [_cell(Mean(r.psnr, r.ssim)) if r else "" for r in results])


def _half_table(figures: Figures, kinds: Sequence[Kind]) -> str:
    single = figures.measurements["fp32"].sets
    return _table(SETS["bf16"], (_line(kind, [*_half_cells(figures.measurements[kind], single)]) for kind in kinds))


def _half_cells(half: Measurement, single: Mapping[str, Mean]) -> Iterator[str]:
    for name, mean in half.sets.items():
        difference = round(mean.psnr - single[name].psnr, 3) + 0.0  # never -0.000
        yield f"{mean.psnr:.3f} ({difference:+.3f})"


def _table(sets: Sequence[str], lines: Iterator[str] | Sequence[str]) -> str:
    return "\n".join([_line("", sets), f"|{'---|' * (len(sets) + 1)}", *lines])


def _line(label: str, cells: Sequence[str]) -> str:
    return f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in (label, *cells))}|"


def _cell(mean: Mean) -> str:
    return f"{mean.psnr:.2f} / {mean.ssim:.4f}"
