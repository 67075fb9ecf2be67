"""Training recipes: strict TOML files, each complete in itself; an unknown key is an error."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import ErrorDetails

from elansr.engines.device import MOST_THREADS
from elansr.errors import ConfigError
from elansr.text import did_you_mean, shown
from elansr.training.degradation import DegradationRecipe

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_STRICT = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

UNKNOWN_KEY = "unexpected_keyword_argument"
"""What pydantic calls it."""

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
Steps = Annotated[int, Field(ge=1)]
Patch = Annotated[int, Field(ge=16, multiple_of=16)]
"""Side of an LR crop in pixels."""


@dataclass(config=_STRICT)
class NetworkRecipe:
    """Which network; `start_from` is a released name or a weights file of the same network, at any scale.

    What follows on `start_from` is that of the preset unless given: for a network of your own, or an ablation. Their
    rules are those of `elansr.ELANConfig`.
    """

    preset: Literal["elan-light", "elan"]
    scale: Annotated[int, Field(ge=1, le=8)]
    start_from: str | None = None
    start_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """Of the file that `start_from` names: a released name may stand for another file one day."""
    channels: int | None = None
    blocks: int | None = None
    n_share: int | None = None
    expansion: int | None = None
    windows: list[int] | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """What differs from the preset, by its name in `elansr.ELANConfig`."""
        names = ("channels", "blocks", "n_share", "expansion", "windows")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


@dataclass(config=_STRICT)
class PictureFolder:
    """A folder of HR pictures, searched recursively; in `data.train` and `data.val` its name alone will do.

    With `lr`, the folder holds pairs, as in BasicSR and traiNNer: LR pictures lie in a folder of their own and are
    matched by stem, with or without `x2`, `x3`, `x4` ... at the end.
    """

    hr: Annotated[str, Field(min_length=1)]
    lr: str | None = None
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    """Of the crops of a batch; the shares of all folders sum to 1. Without shares every picture is equally likely."""
    candidates: Annotated[int, Field(ge=1, le=64)] | None = None
    """In place of `data.candidates`."""


def _as_folder(folder: object) -> object:
    return {"hr": folder} if isinstance(folder, str) else folder


_Folder = Annotated[PictureFolder, BeforeValidator(_as_folder, json_schema_input_type=str | PictureFolder)]
Folders = Annotated[list[_Folder], Field(min_length=1)]


@dataclass(config=_STRICT)
class DataRecipe:
    """Folders of pictures.

    LR is the MATLAB bicubic of HR, made once per whole picture; with `degradation`, LR is made anew for every crop;
    or it lies in a folder beside HR, see `PictureFolder`.
    """

    train: Folders
    val: Folders
    patch: Patch
    candidates: Annotated[int, Field(ge=1, le=64)] = 1
    """Crops drawn at random for each one trained on, which is the most detailed of them; 1 takes any."""
    val_pictures: Annotated[int, Field(ge=1)] = 1000
    """At most so many pictures are validated on, spread evenly over the sorted names."""
    pool: Literal["auto", "cpu"] = "auto"
    """Where the pictures live: "auto" is the training device, "cpu" the main memory."""
    description: str = ""
    """What the pictures are and under which licences; travels in the weights file."""
    licence: str = ""
    """Of the weights that come out."""
    degradation: DegradationRecipe | None = None


@dataclass(config=_STRICT)
class Stage:
    """From step `from_step` on, crops of `patch` and batches of `batch`."""

    from_step: Steps
    patch: Patch
    batch: Annotated[int, Field(ge=1)]


@dataclass(config=_STRICT)
class ScheduleRecipe:
    """How long, how many crops, how fast. The EMA of all float state is what is validated and kept."""

    steps: Steps
    batch: Annotated[int, Field(ge=1)]
    """Crops a step, over all processes."""
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    """The peak."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """See `elansr.training.optimizer`."""
    betas: Annotated[list[Annotated[float, Field(ge=0, lt=1)]], Field(min_length=2, max_length=2)] = Field(
        default_factory=lambda: [0.9, 0.99]
    )
    """Of AdamW."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    warmup: Annotated[int, Field(ge=0)] = 100
    """Steps of a linear rise to the peak."""
    halve_at: list[Steps] = Field(default_factory=list)
    """Steps at which the learning rate halves."""
    decay_for: Annotated[int, Field(ge=0)] = 0
    """The learning rate stays at the peak and falls to zero in the last so many steps. Without it and `halve_at`, it
    falls to zero along a cosine."""
    accumulate: Annotated[int, Field(ge=1)] = 1
    """Parts that a batch is computed in, one after another, where it does not fit into memory whole."""
    stages: list[Stage] = Field(default_factory=list)
    """Other patch and batch sizes later in the run, in the order of their steps (progressive training)."""
    fft_weight: Annotated[float, Field(ge=0)] = 0.0
    """Of the L1 distance between the spectra, added to the L1 distance of the pixels."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    clip_norm: Annotated[float, Field(ge=0)] = 1.0
    """Of the gradient; 0 does not clip."""
    freeze_norm_for: Annotated[int, Field(ge=0)] = 0
    """BatchNorm uses and keeps its running statistics in the last so many steps."""


@dataclass(config=_STRICT)
class AdversarialRecipe:
    """A finishing stage: what the network's loss gains besides L1, see `elansr.training.adversarial`.

    PSNR falls while texture grows, so the weights of the last validation are kept, not those of the best.
    """

    weight: Annotated[float, Field(gt=0)] = 0.01
    """Of the discriminator's judgement."""
    feature_weight: Annotated[float, Field(ge=0)] = 0.1
    """Of the distance between the discriminator's features of SR and HR."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 2e-4
    """Of the discriminator (Adam)."""
    channels: Annotated[int, Field(ge=4)] = 32
    """Of its first convolution."""


@dataclass(config=_STRICT)
class RunRecipe:
    """Where the run writes, how often, and on what it runs."""

    folder: Annotated[str, Field(min_length=1)]
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Precision = "32-true"
    threads: Annotated[int, Field(ge=0, le=MOST_THREADS)] = 0
    """CPU threads of a process; 0 leaves PyTorch's default."""
    compile: bool = False
    """Whether torch.compile translates the network."""
    log_every: Steps = 50
    validate_every: Steps = 500
    checkpoint_every: Steps = 250
    keep_checkpoints: Annotated[int, Field(ge=1)] = 2
    wandb: str = ""
    """A project of Weights & Biases, to which the log goes too; needs the extra `wandb`."""


@dataclass(config=_STRICT)
class Recipe:
    """A whole training run."""

    network: NetworkRecipe
    data: DataRecipe
    schedule: ScheduleRecipe
    run: RunRecipe
    adversarial: AdversarialRecipe | None = None


def load_recipe(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """Reads and checks a recipe.

    Args:
        path: a TOML file.
        changes: "table.key=value" each, in TOML's spelling of values (a word needs no quotes), put over the file's.

    Raises:
        ConfigError: not a file, not TOML, an unknown or missing key, or a value out of its range; the message names
            the key.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{shown(path)}: cannot be read: {error.strerror}; choose a recipe (TOML)") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{shown(path)}: not TOML: {error}") from error
    for change in changes:
        _put(table, change)
    try:
        return TypeAdapter(Recipe).validate_python(table)
    except ValidationError as error:
        # A misspelled key is missing too: what was written says more than what was not.
        first = min(error.errors(), key=lambda problem: problem["type"] != UNKNOWN_KEY)
        raise ConfigError(f"{shown(path)}: {_rule(first)}") from error


def recipe_schema() -> dict[str, Any]:
    """The JSON Schema of a recipe, from which editors complete and check one while it is written."""
    schema = TypeAdapter(Recipe).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


def _rule(problem: ErrorDetails) -> str:
    """The key that a recipe has wrong, and the rule it breaks."""
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == UNKNOWN_KEY:
        names = [part for part in problem["loc"] if isinstance(part, str)]
        return f"{key}: unknown key: {_known_keys(names[:-1], names[-1])}"
    is_list = problem["type"] in ("list_type", "tuple_type")
    rule = "must be a list in brackets, such as [1000, 2000] or ['a', 'b']" if is_list else problem["msg"]
    return f"{key}: {rule} (found {problem['input']!r:.80})"


def _known_keys(table: Sequence[str], unknown: str) -> str:
    """The key that was probably meant; where none is near, the keys of the table."""
    schema = recipe_schema()
    keys = [key.split(".") for key in _keys(schema, schema["$defs"])]
    here = [key[-1] for key in keys if key[:-1] == list(table)]
    if hint := did_you_mean(unknown, here):
        return hint.strip()
    elsewhere = [".".join(key) for key in keys if key[-1] == unknown]
    hint = f"did you mean {elsewhere[0]}? " if elsewhere else ""
    return f"{hint}{'.'.join(table) or 'a recipe'} has {', '.join(here)}"


def _keys(schema: dict[str, Any], tables: dict[str, Any], above: str = "") -> Iterator[str]:
    """Every key that a recipe may have, with the tables above it: "schedule", "schedule.steps" ..."""
    schema = tables[schema["$ref"].split("/")[-1]] if "$ref" in schema else schema
    for part in [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())]:
        yield from _keys(part, tables, above)
    for name, part in schema.get("properties", {}).items():
        yield above + name
        yield from _keys(part, tables, f"{above}{name}.")


def _put(table: dict[str, Any], change: str) -> None:
    """Puts "table.key=value" into the table; whether there is such a key is checked with the rest."""
    name, equals, text = change.partition("=")
    *tables, key = name.strip().split(".")
    if not (equals and tables and key):
        raise ConfigError(f"{change!r}: must be table.key=value, such as schedule.steps=1000")
    for part in tables:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{change!r}: {part!r} is a value, not a table of the recipe")
    try:
        table[key] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        table[key] = text.strip()
