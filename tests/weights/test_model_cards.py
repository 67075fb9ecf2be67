"""Released files, the figures measured of them, their model cards and the READMEs say the same; and each way in which
they could disagree is found, in a copy of the repository's own pages."""

import dataclasses
import re
import shutil
from pathlib import Path

import pytest
import typer

from elansr.errors import DataError, WeightsError
from elansr.weights.load import describe
from elansr.weights.released import RELEASED, ReleasedWeights
from elansr.weights.weights_file import load, save
from tools import figures as stored
from tools import measure as measuring
from tools import release as releasing
from tools.checks import begun, problems
from tools.figures import SETS, Figures, Kind, Mean, Measurement
from tools.pages import BEGIN, END

ROOT = Path(__file__).resolve().parents[2]
X2, X4 = RELEASED["elan-light-x2"], RELEASED["elan-light-x4"]
STEPS = describe(X2.path).provenance.steps
CARD, CODE = "model_cards/elan-light-x2.md", "src/elansr/weights/released.py"
PLACE = f"{BEGIN}\n{END}\n"


def test_what_is_released_agrees() -> None:
    """Fails after a released file was replaced, until `make figures ACCEPT=1` has measured it."""
    assert problems(ROOT, list(RELEASED.values())) == []


def test_every_released_file_is_looked_at() -> None:
    installed = {path.name for path in (ROOT / "src/elansr/weights/released").glob("*.safetensors")}
    assert installed == {row.file for row in begun(ROOT, list(RELEASED.values()))}


def measured(row: ReleasedWeights, kind: Kind, offset: float = 0.0) -> Measurement:
    """Figures made up, but for bicubic's, which every measurement must find."""
    known = {2: (33.673, 30.325, 29.560), 4: (28.429, 26.088, 25.961)}[row.scale]
    gain = 0.0 if kind == "bicubic" else 3.004 + offset
    means = {name: Mean(psnr + gain, 0.9) for name, psnr in zip(SETS[kind], known, strict=False)}
    return Measurement(f"elansr evaluate -n {row.name} # {kind}", "0.1.0", "2.0", "cpu", means)


@pytest.fixture(scope="module")
def two_released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of two released files, measured and written by the command."""
    root = tmp_path_factory.mktemp("released")
    names = [CARD, CODE, *(f"src/elansr/weights/released/{row.file}" for row in (X2, X4))]
    for name in (*names, "model_cards/elan-light-x4.md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, root / name)
    for readme in ("README.md", "README.zh-CN.md"):
        (root / readme).write_text(f"by hand\n{PLACE}by hand too\n", encoding="utf-8")
    releasing.release(root, [X2, X4], measured, accept=True)
    return root


@pytest.fixture
def root(two_released: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(two_released, tmp_path / "copy")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def own_sha256(code: str, row: ReleasedWeights) -> str:
    return re.findall(rf'name="{row.name}".*?sha256="(\w*)"', code, re.DOTALL)[0]


def own_rows(root: Path, *rows: ReleasedWeights) -> list[ReleasedWeights]:
    """The rows as the code of `root` has them."""
    code = (root / CODE).read_text(encoding="utf-8")
    return [dataclasses.replace(row, sha256=own_sha256(code, row)) for row in rows]


def test_what_the_command_wrote_agrees(root: Path) -> None:
    assert problems(root, own_rows(root, X2, X4)) == []


def test_the_table_of_a_readme(root: Path) -> None:
    text = (root / "README.zh-CN.md").read_text(encoding="utf-8")
    assert text.splitlines() == [
        "by hand",
        BEGIN,
        "",
        "| | Set5 | Set14 | B100 |",
        "|---|---|---|---|",
        "| x2 双三次插值 | 33.67 / 0.9000 | 30.32 / 0.9000 | 29.56 / 0.9000 |",
        "| **x2 [`elan-light-x2`](model_cards/elan-light-x2.md)** | 36.68 / 0.9000 | 33.33 / 0.9000 | 32.56 / 0.9000 |",
        "| x2 论文中的 ELAN-light | 38.17 / 0.9611 | 33.94 / 0.9207 | 32.30 / 0.9012 |",
        "| x4 双三次插值 | 28.43 / 0.9000 | 26.09 / 0.9000 | 25.96 / 0.9000 |",
        "| **x4 [`elan-light-x4`](model_cards/elan-light-x4.md)** | 31.43 / 0.9000 | 29.09 / 0.9000 | 28.96 / 0.9000 |",
        "| x4 论文中的 ELAN-light | 32.43 / 0.8975 | 28.78 / 0.7858 | 27.69 / 0.7406 |",
        "",
        END,
        "by hand too",
    ]


@pytest.mark.parametrize(
    ("page", "old", "new", "complaint"),
    [
        (CARD, "# elan-light-x2\n", "# elan-light-x3\n", "its title is not '# elan-light-x2'"),
        (CARD, "pictures 2 times", "pictures 3 times", "does not say that it enlarges 2 times"),
        (CARD, "| network | ELAN-light:", "| network | ELAN:", "'network' is 'ELAN: 60 channels"),
        (CARD, "24 blocks", "36 blocks", "the file says 'ELAN-light: 60 channels, 24 blocks'"),
        (CARD, "582,012", "601,488", "'parameters' is '601,488', the file says '582,012'"),
        (CARD, "| parameters | 582,012 |\n", "", "'parameters' is 'missing'"),
        (CARD, "[Apache-2.0](../LICENSE) |", "[MIT](../LICENSE) |", "'licence' is 'MIT', the file says 'Apache-2.0'"),
        (CARD, "`elan-light-x2.safetensors`", "`elan-light-x4.safetensors`", "'file' is"),
        (CARD, f"{STEPS:,}", f"1{STEPS:,}", "'steps' is"),
        (CARD, f"{STEPS:,}", f"{STEPS:,},000", "'steps' is"),
        (CARD, X2.sha256, X4.sha256, "the file says '`"),
        (CARD, "36.68 / 0.9000", "36.69 / 0.9000", "elan-light-x2.md: its figures or sha256 are not those"),
        ("README.md", "36.68 / 0.9000", "36.69 / 0.9000", "README.md: its figures or sha256 are not those"),
        ("README.zh-CN.md", "38.17", "38.18", "README.zh-CN.md: its figures or sha256 are not those"),
        ("README.md", END, "", "must have one line <!-- figures: begin"),
        (CARD, BEGIN, f"{BEGIN}\n{BEGIN}", "must have one line <!-- figures: begin"),
        (CARD, "| sha256 |", "| md5 |", "must have exactly one line '| sha256 |"),
        ("model_cards/figures.json", X2.sha256, X4.sha256, "figures.json is not of this elan-light-x2.safetensors"),
        ("model_cards/figures.json", '"elan-light-x2"', '"elan-light-x9"', "elan-light-x9 is not released"),
        ("model_cards/figures.json", '"psnr": 33.673', '"psnr": 33.66', "bicubic has 33.660 dB on Set5, not 33.673"),
        ("model_cards/figures.json", '"psnr": 36.677', '"psnr": 36.637', "README.md: its figures"),
        ("model_cards/figures.json", '"fp16"', '"fp17"', "not the figures that `make figures` writes"),
        ("model_cards/figures.json", '"B100"', '"BSD100"', "not the figures that `make figures` writes"),
        ("model_cards/figures.json", "}", "", "not the figures that `make figures` writes"),
        ("README.md", "by hand", "by my hand", ""),
    ],
)
def test_a_page_that_disagrees(page: str, old: str, new: str, complaint: str, root: Path) -> None:
    edit(root / page, old, new)
    found = problems(root, own_rows(root, X2, X4))
    assert any(complaint in problem for problem in found) if complaint else found == []


def replace_file(root: Path, row: ReleasedWeights, steps: int = 123_456) -> None:
    """Another file in the place of a released one, trained for `steps`."""
    path = root / "src/elansr/weights/released" / row.file
    network, provenance = load(path)
    save(network, path, dataclasses.replace(provenance, steps=steps), overwrite=True)


def test_a_replaced_file_is_refused_until_it_is_measured_again(root: Path) -> None:
    replace_file(root, X2)
    found = problems(root, own_rows(root, X2, X4))
    assert "elan-light-x2: released.py has another sha256 than elan-light-x2.safetensors" in found[0]
    assert "figures.json is not of this elan-light-x2.safetensors" in found[1]
    assert "'sha256' is" in found[2]
    assert "'steps' is" in found[3]
    with pytest.raises(WeightsError, match="make figures ACCEPT=1"):
        releasing.release(root, own_rows(root, X2, X4), measured, accept=False)


def test_one_command_takes_a_replaced_file(root: Path) -> None:
    """All that is left is what a person has to write: the steps, and what else the card says of the training."""
    asked: list[tuple[str, Kind]] = []

    def better(row: ReleasedWeights, kind: Kind) -> Measurement:
        asked.append((row.name, kind))
        return measured(row, kind, offset=0.5)

    code = (root / CODE).read_text(encoding="utf-8")
    replace_file(root, X2)
    rows = releasing.release(root, own_rows(root, X2, X4), better, accept=True)
    assert asked == [("elan-light-x2", kind) for kind in ("bicubic", "fp32", "bf16", "fp16")]
    assert rows == own_rows(root, X2, X4)
    assert (root / CODE).read_text(encoding="utf-8").replace(rows[0].sha256, own_sha256(code, X2)) == code
    assert "| 37.18 / 0.9000 | 33.83 / 0.9000 |" in (root / "README.md").read_text(encoding="utf-8")
    (left,) = problems(root, rows)
    assert "'steps' is" in left
    edit(root / CARD, f"{STEPS:,}", "123,456")
    assert problems(root, rows) == []


def test_measuring_goes_on_where_it_stopped(root: Path) -> None:
    def interrupted(row: ReleasedWeights, kind: Kind) -> Measurement:
        if kind == "bf16":
            raise KeyboardInterrupt
        return measured(row, kind)

    replace_file(root, X4)
    with pytest.raises(KeyboardInterrupt):
        releasing.release(root, own_rows(root, X2, X4), interrupted, accept=True)
    assert any("not measured: bf16, fp16" in problem for problem in problems(root, own_rows(root, X2, X4)))
    asked: list[Kind] = []
    releasing.release(root, own_rows(root, X2, X4), lambda row, kind: asked.append(kind) or measured(row, kind), False)
    assert asked == ["bf16", "fp16"]


def test_a_file_that_changes_while_it_is_measured(root: Path) -> None:
    def replacing(row: ReleasedWeights, kind: Kind) -> Measurement:
        replace_file(root, X2, steps=7)
        return measured(row, kind)

    replace_file(root, X2)
    before = (root / "README.md").read_bytes()
    with pytest.raises(WeightsError, match="elan-light"):
        releasing.release(root, own_rows(root, X2, X4), replacing, accept=True)
    assert stored.load(root)["elan-light-x2"].measurements == {}
    assert (root / "README.md").read_bytes() == before


def test_half_precision_that_is_off(root: Path) -> None:
    figures = stored.load(root)
    for offset, complaints in ((0.0199, 0), (0.0201, 2)):
        off = figures["elan-light-x2"].having("bf16", measured(X2, "bf16", offset=-offset))
        stored.save(root, {**figures, "elan-light-x2": off})
        found = [problem for problem in problems(root, own_rows(root, X2, X4)) if "off fp32" in problem]
        assert len(found) == complaints
    assert found[0] == "elan-light-x2: bf16 is -0.020 dB off fp32 on Set5"


def test_weights_for_another_degradation_have_no_figures(root: Path) -> None:
    """Their cards are filled by hand; hash and facts are still compared."""
    rows = [X2, dataclasses.replace(X4, degradation="real")]
    card = root / "model_cards/elan-light-x4.md"
    edit(card, BEGIN, "measured on crops of our own:")
    edit(card, END, "")
    releasing.release(root, rows, measured, accept=True)
    assert problems(root, rows) == []
    assert "x4" not in (root / "README.md").read_text(encoding="utf-8")
    replace_file(root, X4)
    rows = releasing.release(root, rows, measured, accept=True)
    assert rows[1].sha256 in card.read_text(encoding="utf-8")
    (left,) = problems(root, rows)
    assert "elan-light-x4.md: 'steps' is" in left


def test_a_released_file_without_card_and_a_card_without_file(root: Path) -> None:
    (root / CARD).unlink()
    (found,) = problems(root, own_rows(root, X2, X4))
    assert "elan-light-x2.md: cannot be read" in found
    shutil.copyfile(ROOT / CARD, root / CARD)
    (root / "src/elansr/weights/released" / X2.file).unlink()
    (found,) = problems(root, own_rows(root, X2, X4))
    assert "elan-light-x2.safetensors" in found


def test_a_row_without_file_and_card_is_not_released_yet(root: Path) -> None:
    announced = dataclasses.replace(X4, name="elan-light-x4-real")
    assert problems(root, [*own_rows(root, X2, X4), announced]) == []


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        ("by hand", "by hand", 0, "released files, figures, cards and READMEs agree\n"),
        ("36.68", "36.69", 1, "README.md: its figures or sha256 are not those of figures.json: run make figures\n"),
    ],
)
def test_check(
    old: str,
    new: str,
    code: int,
    says: str,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(releasing, "ROOT", root)
    monkeypatch.setattr(releasing, "RELEASED", {row.name: row for row in own_rows(root, X2, X4)})
    edit(root / "README.md", old, new)
    with pytest.raises(typer.Exit) as ended:
        releasing.command(check=True)
    assert ended.value.exit_code == code
    assert "".join(capsys.readouterr()) == says


def test_an_error_is_one_line(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(releasing, "ROOT", root)
    monkeypatch.setattr(releasing, "RELEASED", {X2.name: dataclasses.replace(X2, sha256="ab")})
    with pytest.raises(typer.Exit) as ended:
        releasing.command()
    assert ended.value.exit_code == 2
    assert re.fullmatch(r"error: elan-light-x2\.safetensors: another file than .*ACCEPT=1\n", capsys.readouterr().err)


SOURCE = """ROWS = {
    "a-x2": Row(name="a-x2", sha256="00", file="é"),
    "a-x4": Row(sha256="00", name="a-x4"),
    "twice": [Row(name="twice", sha256="00"), Row(name="twice", sha256="00")],
}
"""


def test_a_hash_is_set_in_its_own_row() -> None:
    changed = releasing.with_sha256(SOURCE, "a-x4", "ab" * 32)
    assert changed == SOURCE.replace('Row(sha256="00", name', f'Row(sha256="{"ab" * 32}", name')
    changed = releasing.with_sha256(SOURCE, "a-x2", "cd")
    assert changed == SOURCE.replace('"a-x2", sha256="00"', '"a-x2", sha256="cd"')


@pytest.mark.parametrize("name", ["twice", "a-x3", "a"])
def test_a_hash_without_a_row_of_its_own(name: str) -> None:
    with pytest.raises(WeightsError, match=name):
        releasing.with_sha256(SOURCE, name, "ab")


def test_figures_come_back_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "model_cards").mkdir()
    assert stored.load(tmp_path) == {}
    figures = {X2.name: Figures("ab", {"fp32": measured(X2, "fp32")}), "another": Figures("cd")}
    stored.save(tmp_path, figures)
    assert stored.load(tmp_path) == figures


def test_the_commands_that_measure() -> None:
    data = "--data Set5 --data Set14"
    assert [" ".join(measuring.command(X4, kind)) for kind in ("bicubic", "fp32", "bf16")] == [
        f"elansr evaluate -n bicubic -s 4 {data} --data B100 --json",
        f"elansr evaluate -n elan-light-x4 {data} --data B100 --json",
        f"elansr evaluate -n elan-light-x4 {data} --precision bf16 --json",
    ]


def test_a_measurement_is_what_evaluate_says(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of bicubic on Set5, whose score the published LR files fix."""
    monkeypatch.setitem(SETS, "bicubic", ("Set5",))
    found = measuring.measure(X4, "bicubic", measuring.benchmarks(ROOT, data_dir))
    assert found.command == "elansr evaluate -n bicubic -s 4 --data Set5 --json"
    assert found.sets["Set5"].psnr == pytest.approx(28.429, abs=0.01)
    assert found.sets["Set5"].ssim == pytest.approx(0.8111, abs=1e-4)


def test_a_measurement_that_fails(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELANSR_DATA", str(tmp_path))  # where `elansr evaluate` looks for Set5 too
    with pytest.raises(DataError, match="elansr evaluate .* 2"):
        measuring.measure(X4, "bicubic", tmp_path)
    assert "Set5: not a folder" in capfd.readouterr().err


def test_no_benchmark_sets(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="benchmark/Set5: .*--data.*ELANSR_DATA"):
        measuring.benchmarks(ROOT, tmp_path)
