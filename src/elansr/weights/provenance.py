"""Where weights come from: the record in every weights file, and the model card made from it."""

import dataclasses
import json
import math
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeAlias

from elansr import __version__
from elansr.errors import WeightsError
from elansr.nn.config import ELANConfig

Metrics: TypeAlias = "Mapping[str, float | str | Metrics]"
"""Measured numbers by name, nested as deep as needed: {"Set5 x4": {"PSNR-Y": 32.1}}."""


LICENCES = {
    *("apache-2.0", "mit", "isc", "bsd-2-clause", "bsd-3-clause", "mpl-2.0", "unlicense"),
    *("gpl-2.0", "gpl-3.0", "agpl-3.0", "lgpl-2.1", "lgpl-3.0"),
    *("cc0-1.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0"),
    *("cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0", "cc-by-nd-4.0"),
}
"""What the Hub calls licences; any other is "other" there, with a name."""
FRONT = """library_name: elansr
pipeline_tag: image-to-image
tags:
- image-super-resolution
- super-resolution
- elan"""
INTRODUCTION = """[ELAN](https://arxiv.org/abs/2203.06697), the Efficient Long-Range Attention Network for image
super-resolution: pictures {scale} times as wide and high."""
USE = """```python
from elansr import Upscaler, hub

upscaler = Upscaler(hub.from_pretrained({repository}))
large = upscaler(small)  # arrays (H, W[, C]), uint8, uint16 or float: in and out of the same kind
```"""


@dataclass(frozen=True)
class Provenance:
    """Who made the weights, from what, how, and what they measure.

    Attributes:
        name: what the weights are called.
        recipe: the training recipe, its text or its name.
        data: the pictures trained on, and their licences.
        steps: optimiser steps.
        started_from: the weights that training started from, "" if from random ones.
        metrics: measured numbers, e.g. {"val PSNR-Y": 30.12}; finite.
        licence: under which the weights may be used.
        created: ISO date, e.g. "2026-03-01"; today unless given; "" if unknown.
        elansr_version: of the program that made them; the installed one unless given.

    Raises:
        WeightsError: a value of another type, a metric that is not finite, a date that is not ISO.
    """

    name: str = ""
    recipe: str = ""
    data: str = ""
    steps: int = 0
    started_from: str = ""
    metrics: Metrics = field(default_factory=dict)
    licence: str = ""
    created: str = field(default_factory=lambda: date.today().isoformat())
    elansr_version: str = __version__

    def __post_init__(self) -> None:
        texts = ("name", "recipe", "data", "started_from", "licence", "created", "elansr_version")
        checks = [(name, isinstance(getattr(self, name), str), "must be text") for name in texts]
        checks += [
            ("steps", type(self.steps) is int and self.steps >= 0, "must be a whole number, 0 or more"),
            ("metrics", _are_metrics(self.metrics), "must be a dict of finite numbers, texts or such dicts"),
            ("created", not self.created or _is_iso(self.created), "must be an ISO date or empty"),
        ]
        for name, holds, rule in checks:
            if not holds:
                raise WeightsError(f"provenance {name}={getattr(self, name)!r:.100}: {rule}")

    @property
    def for_fidelity(self) -> bool:
        """Whether training sought the least error from bicubic LR, as the paper; also where nothing says otherwise.

        Not so for photos (a name that ends with "-real", a degradation in the recipe) and after an adversarial stage.
        """
        if any(name.endswith("-real") for name in (self.name, self.started_from)):
            return False
        try:
            recipe = json.loads(self.recipe[self.recipe.index("{") :])  # behind what `tools.average` says first
            return not (recipe["data"].get("degradation") or recipe.get("adversarial"))
        except (ValueError, KeyError, TypeError, AttributeError):
            return True

    def to_json(self) -> str:
        """One JSON object with every field."""
        return json.dumps(dataclasses.asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Provenance":
        """The inverse of `to_json`.

        Raises:
            WeightsError: not JSON, an unknown or missing key, or a value that `Provenance` refuses.
        """
        names = [f.name for f in dataclasses.fields(cls)]
        try:
            values = json.loads(text)
            if not isinstance(values, dict) or values.keys() != set(names):
                raise WeightsError(f"provenance must have exactly the keys {', '.join(names)}: save the weights again")
            return cls(**values)
        except (ValueError, RecursionError) as error:
            raise WeightsError("provenance is not valid JSON: save the weights again") from error


def _are_metrics(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    return all(isinstance(key, str) and (_is_metric(item) or _are_metrics(item)) for key, item in value.items())


def _is_metric(value: object) -> bool:
    """A text or a finite number; an integer counts only as far as a float reaches."""
    if isinstance(value, int | float):
        return abs(value) < math.inf and not (isinstance(value, int) and value.bit_length() > 1000)
    return isinstance(value, str)


def _is_iso(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return False
    return True


def model_card(config: ELANConfig, parameters: int, provenance: Provenance, repository: str = "OWNER/NAME") -> str:
    """A card in Markdown, with the YAML on top that the Hub reads.

    Args:
        config: of the network.
        parameters: how many numbers training adjusts.
        provenance: where the weights come from; its texts are quoted, whatever is in them.
        repository: on the Hub, for the example.
    """
    title = _cell(provenance.name) or "ELAN"
    parts = [
        f"---\n{_front_matter(provenance.licence)}\n---",
        f"# {title}",
        INTRODUCTION.format(scale=config.scale),
        USE.format(repository=json.dumps(repository)),
        _table(("", ""), _facts(config, parameters, provenance)),
        "## Figures",
        _table(("measured", "value"), _figures(provenance.metrics)) if provenance.metrics else "Not stated.",
        "## Recipe",
        textwrap.indent(provenance.recipe.strip(), "    ", lambda line: True) or "Not stated.",
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(licence: str) -> str:
    """YAML; a JSON text is a YAML text too, so that nothing in a licence's name is read as YAML."""
    if not licence:
        return FRONT
    if licence.lower() in LICENCES:
        return f"license: {licence.lower()}\n{FRONT}"
    return f"license: other\nlicense_name: {json.dumps(licence)}\n{FRONT}"


def _facts(config: ELANConfig, parameters: int, provenance: Provenance) -> Iterator[tuple[str, str]]:
    windows = ", ".join(map(str, config.windows))
    yield "scale", str(config.scale)
    yield "network", f"{config.channels} channels, {config.blocks} blocks, {config.n_share} sharing, windows {windows}"
    yield "parameters", f"{parameters:,}"
    yield "data", provenance.data or "not stated"
    yield "steps", f"{provenance.steps:,}" if provenance.steps else "not stated"
    yield "started from", provenance.started_from or "random weights"
    yield "licence", provenance.licence or "not stated"
    yield "created", provenance.created or "not stated"
    yield "elansr", provenance.elansr_version or "not stated"


def _figures(metrics: Metrics, before: str = "") -> Iterator[tuple[str, str]]:
    """Metrics, nested ones under their names in a row: "Set5 x4, PSNR-Y"."""
    for name, value in metrics.items():
        label = f"{before}, {name}" if before else name
        if isinstance(value, float | int | str):
            yield label, str(value)
        else:
            yield from _figures(value, label)


def _table(header: tuple[str, str], rows: Iterator[tuple[str, str]]) -> str:
    lines = [f"| {name} | {_cell(value)} |" for name, value in ((_cell(name), value) for name, value in rows)]
    return "\n".join([f"| {header[0]} | {header[1]} |", "|---|---|", *lines])


def _cell(text: str) -> str:
    """Text on one line that does not end the cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")
