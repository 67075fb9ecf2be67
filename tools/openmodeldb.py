"""Writes metadata for OpenModelDB, one JSON file per released weights file: model_cards/openmodeldb/.

Everything follows from the released files and their rows. Where to download them does not: `--url` says it once, and
stays in the JSON files from then on. The fields are those of the models in OpenModelDB's repository (data/models).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from elansr.errors import ElansrError, WeightsError
from elansr.evaluation import NAMES
from elansr.weights.load import Description, describe
from elansr.weights.released import RELEASED, ReleasedWeights
from elansr.weights.weights_file import write_file
from tools.checks import begun, file_path
from tools.pages import read

ROOT = Path(__file__).resolve().parents[1]
DISAGREEMENT, BAD_INPUT = 1, 2
AUTHOR, ARCHITECTURE = "elansr", "elan"
TAGS: Mapping[str, list[str]] = {
    "bicubic": ["general-upscaler", "photo"],
    "real": ["general-upscaler", "photo", "restoration", "jpeg", "denoise"],
}
WAY_OUT = "run make figures"


def entry_path(root: Path, row: ReleasedWeights) -> Path:
    """Where the JSON of a row is, in the repository `root`; its stem is the model's id: "4x-elan-light"."""
    return root / "model_cards" / "openmodeldb" / f"{row.scale}x-{row.family}.json"


def entry(row: ReleasedWeights, about: Description, urls: Sequence[str]) -> dict[str, Any]:
    """The model of a row as OpenModelDB describes one.

    Args:
        row: of the released weights.
        about: what is in their file.
        urls: where to download the file.
    """
    config, story = about.config, about.provenance
    return {
        "name": f"{NAMES[row.preset]} x{row.scale}" + (" real" if row.degradation == "real" else ""),
        "author": AUTHOR,
        "license": story.licence,
        "tags": TAGS[row.degradation],
        "description": f"{row.description}. Trained for fidelity (L1 loss) on {story.data}.",
        "date": story.created,
        "architecture": ARCHITECTURE,
        "size": [f"{config.channels}ch", f"{config.blocks}blocks"],
        "scale": config.scale,
        "inputChannels": config.colors,
        "outputChannels": config.colors,
        "resources": [
            {
                "platform": "pytorch",
                "type": "safetensors",
                "size": about.size,
                "sha256": about.sha256,
                "urls": list(urls),
            }
        ],
        "trainingIterations": story.steps,
        "trainingOTF": row.degradation == "real",
        "dataset": story.data,
        "images": [],
    }


def written(root: Path, rows: Sequence[ReleasedWeights], url: str | None = None) -> dict[Path, str]:
    """Every JSON file as it must read.

    Args:
        root: the repository.
        rows: the released weights.
        url: of the folder that the files can be downloaded from; None keeps what the JSON files say.

    Raises:
        ElansrError: a file that cannot be read, or a JSON file that is none.
    """
    texts = {}
    for row in rows:
        path = entry_path(root, row)
        urls = _urls(path) if url is None else [f"{url.rstrip('/')}/{row.file}"]
        model = entry(row, describe(file_path(root, row)), urls)
        texts[path] = json.dumps(model, indent=4, ensure_ascii=False) + "\n"
    return texts


def problems(root: Path, rows: Sequence[ReleasedWeights]) -> list[str]:
    """One line for each JSON file that is missing, stale or of no released weights."""
    expected = written(root, rows)
    stale = [path for path, text in expected.items() if not path.is_file() or read(path) != text]
    unknown = sorted(set((root / "model_cards" / "openmodeldb").glob("*.json")) - expected.keys())
    return [
        *(f"{path.name}: does not say what the released file says: {WAY_OUT}" for path in stale),
        *(f"{path.name}: there are no such weights: delete it" for path in unknown),
    ]


def _urls(path: Path) -> list[str]:
    """The addresses that a JSON file has already."""
    if not path.is_file():
        return []
    try:
        return [str(url) for resource in json.loads(read(path))["resources"] for url in resource["urls"]]
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path}: not what this tool writes: delete it and {WAY_OUT}") from error


def command(
    check: Annotated[bool, typer.Option("--check", help="Only compare; write nothing.")] = False,
    url: Annotated[str | None, typer.Option("--url", help="Of the folder to download the files from.")] = None,
) -> None:
    """Write the metadata of released weights for OpenModelDB."""
    try:
        rows = begun(ROOT, list(RELEASED.values()))
        for path, text in ({} if check else written(ROOT, rows, url)).items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, text.encode(), overwrite=True)
        found = problems(ROOT, rows)
    except ElansrError as error:
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    typer.echo("\n".join(found) or "released files and OpenModelDB's metadata agree", err=bool(found))
    raise typer.Exit(DISAGREEMENT if found else 0)


def main() -> None:
    """The entry point of `python -m tools.openmodeldb`."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(command)
    app()


if __name__ == "__main__":
    main()
