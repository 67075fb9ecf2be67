"""A tiny recipe for the tests of training, made from the one that ships."""

import json
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
TABLE_OF = {
    "start_from": "network",
    "train": "data",
    "val": "data",
    "patch": "data",
    "pool": "data",
    "degradation": "data",
    "folder": "run",
    "threads": "run",
    "seed": "run",
    "precision": "run",
    "compile": "run",
    "log_every": "run",
    "validate_every": "run",
    "checkpoint_every": "run",
    "keep_checkpoints": "run",
    "scale": "network",
    "preset": "network",
}
"""Every other key is one of `[schedule]`."""
TINY = {
    "steps": 4,
    "patch": 16,
    "warmup": 2,
    "freeze_norm_for": 1,
    "log_every": 2,
    "validate_every": 4,
    "checkpoint_every": 1,
    "threads": 1,
}


def recipe_file(folder: Path, run: str = "run", **changes: object) -> Path:
    """recipes/tiny_cpu.toml, smaller still, with `changes`, as folder/run.toml; it trains into folder/run."""
    text = (ROOT / "recipes" / "tiny_cpu.toml").read_text()
    places = {"train": [str(ROOT / "examples")], "val": [str(_one_small_picture(folder))], "folder": str(folder / run)}
    for key, value in (TINY | places | changes).items():
        table = f"[{TABLE_OF.get(key, 'schedule')}]"
        lines = [line for line in text.splitlines() if not line.startswith(f"{key} =")]
        lines.insert(lines.index(table) + 1, f"{key} = {_toml(value)}")
        text = "\n".join(lines)
    path = folder / f"{run}.toml"
    path.write_text(text)
    return path


def _one_small_picture(folder: Path) -> Path:
    """A folder with a crop of an example, so that a validation takes no time."""
    crops = folder / "val"
    crops.mkdir(exist_ok=True)
    with Image.open(ROOT / "examples" / "otter.jpg") as picture:
        picture.crop((100, 100, 196, 180)).save(crops / "otter.png")
    return crops


def _toml(value: object) -> str:
    """A value as TOML spells it on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)
