"""Writes the JSON Schema of recipes, by which editors complete and check them: `python -m tools.recipe_schema`."""

import json
from pathlib import Path

from elansr.training.recipe import recipe_schema

FILE = Path(__file__).parents[1] / "recipes" / "recipe.schema.json"


def schema_text() -> str:
    """The file's text."""
    return json.dumps(recipe_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(schema_text(), encoding="utf-8")
