"""Where weights come from: the story that travels in every weights file."""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib import metadata
from typing import TypeAlias

from elansr.errors import WeightsError

Metrics: TypeAlias = "Mapping[str, float | str | Metrics]"
"""Measured numbers by name, nested as deep as needed: {"Set5 x4": {"PSNR-Y": 32.1}}."""


def _today() -> str:
    return date.today().isoformat()


def _installed_version() -> str:
    try:
        return metadata.version("elansr")
    except metadata.PackageNotFoundError:
        return ""


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
    created: str = field(default_factory=_today)
    elansr_version: str = field(default_factory=_installed_version)

    def __post_init__(self) -> None:
        for name in ("name", "recipe", "data", "started_from", "licence", "created", "elansr_version"):
            _require(isinstance(getattr(self, name), str), name, getattr(self, name), "must be text")
        _require(_is_count(self.steps), "steps", self.steps, "must be a whole number, 0 or more")
        rule = "must be a dict of finite numbers, texts or such dicts, each under a text"
        _require(_are_metrics(self.metrics), "metrics", self.metrics, rule)
        _require(not self.created or _is_iso(self.created), "created", self.created, "must be an ISO date or empty")

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


def _require(holds: bool, name: str, value: object, rule: str) -> None:
    if not holds:
        raise WeightsError(f"provenance {name}={value!r:.100}: {rule}")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


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
    except ValueError:
        return False
    return True
