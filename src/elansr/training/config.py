"""A training run as a strict TOML recipe: one complete file a run, no inheritance, an unknown key is an error."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from elansr.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MIN_BATCH = 4
"""Over fewer crops, BatchNorm's statistics are too noisy to train with."""

_STRICT = ConfigDict(extra="forbid", frozen=True)

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


@dataclass(config=_STRICT)
class NetworkRecipe:
    """Which network; `start_from` is a released name or a weights file of the same preset, at any scale."""

    preset: Literal["elan-light", "elan"]
    scale: Annotated[int, Field(ge=1, le=8)]
    start_from: str | None = None


@dataclass(config=_STRICT)
class DataRecipe:
    """Folders of HR pictures, searched recursively. LR is their MATLAB bicubic, made once per whole picture."""

    train: Annotated[list[str], Field(min_length=1)]
    val: Annotated[list[str], Field(min_length=1)]
    patch: Annotated[int, Field(ge=16, multiple_of=16)]
    """Side of an LR crop in pixels."""
    val_pictures: Annotated[int, Field(ge=1)] = 1000
    """At most so many pictures are validated on, spread evenly over the sorted names."""
    description: str = ""
    """What the pictures are and under which licences; travels in the weights file."""
    licence: str = ""
    """Of the weights that come out."""


@dataclass(config=_STRICT)
class ScheduleRecipe:
    """AdamW with a linear warm-up and a cosine to zero; the EMA of all float state is what is validated and kept."""

    steps: Annotated[int, Field(ge=1)]
    batch: Annotated[int, Field(ge=MIN_BATCH)]
    learning_rate: Annotated[float, Field(gt=0)]
    warmup: Annotated[int, Field(ge=0)] = 100
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    freeze_norm_for: Annotated[int, Field(ge=0)] = 0
    """BatchNorm uses and keeps its running statistics in the last so many steps."""


@dataclass(config=_STRICT)
class RunRecipe:
    """Where the run writes, how often, and on what it runs."""

    folder: str
    seed: int = 0
    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Precision = "32-true"
    threads: Annotated[int, Field(ge=0)] = 0
    """CPU threads; 0 leaves PyTorch's default."""
    validate_every: Annotated[int, Field(ge=1)] = 500
    checkpoint_every: Annotated[int, Field(ge=1)] = 250


@dataclass(config=_STRICT)
class Recipe:
    """A whole training run."""

    network: NetworkRecipe
    data: DataRecipe
    schedule: ScheduleRecipe
    run: RunRecipe


def load_recipe(path: Path) -> Recipe:
    """Reads and checks a recipe.

    Raises:
        ConfigError: not a file, not TOML, an unknown or missing key, or a value out of its range; the message names
            the key.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; name a recipe (TOML)") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    try:
        return TypeAdapter(Recipe).validate_python(table)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {key}: {first['msg']} (found {first['input']!r})") from error
