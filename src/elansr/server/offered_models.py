"""The weights that a server offers, each loaded once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np

from elansr.errors import ConfigError, WeightsError
from elansr.images import Picture
from elansr.upscaling import CLEAN, SCALES, FinalSize, TiledNetwork, Upscalers, weights_for
from elansr.weights.released import AUTO, RELEASED, Degradation, family, is_path, require_strength

_FAMILIES = tuple(dict.fromkeys(row.family for row in RELEASED.values()))
_NAMES = (AUTO, *_FAMILIES, *RELEASED)
_MOST_STRENGTHS = 8
"""Maximum number of interpolated networks in memory: clients may use any strength."""


@dataclass(frozen=True)
class ModelRow:
    """A row of `GET /v1/models`; `scale` is null where `scales` has several."""

    name: str
    scale: int | None
    scales: tuple[int, ...]  # of several, what a request leaves out follows from the size, see `RequestOptions`
    description: str
    default: bool  # whether it is taken where a request names none


class OfferedModels:
    """The models that clients can choose, never files: released weights, families, "auto", and the operator's choice.

    Args:
        chosen: by the operator, as `elansr upscale -n` takes it: a file is offered under its stem.
        load: gives the upscaler of a released name or a path at a strength, see `elansr.load`.

    Raises:
        ConfigError: a file whose stem is a name of released weights.
    """

    def __init__(self, chosen: str, load: Callable[[str, float | None], TiledNetwork]) -> None:
        self._chosen, self._load, self._lock = chosen, load, Lock()
        self._loaded: dict[str, TiledNetwork] = {}
        self._interpolated: dict[tuple[str, float], TiledNetwork] = {}
        self.default = Path(chosen).stem if is_path(chosen) else chosen
        if is_path(chosen) and self.default in _NAMES:
            raise ConfigError(f"{chosen}: {self.default} is the name of released weights: rename the file")

    @property
    def offers(self) -> list[ModelRow]:
        """All available models, the default first."""
        rows = [(AUTO, tuple(sorted(family(CLEAN))), "chosen for each picture by compression, noise and sharpness")]
        rows += [(name, tuple(sorted(family(name))), _of(name)) for name in _FAMILIES]
        rows += [(row.name, (row.scale,), row.description) for row in RELEASED.values()]
        if self.default not in _NAMES:
            loaded = self._loaded.get(self._chosen)
            rows.append((self.default, (loaded.scale,) if loaded else SCALES, "chosen by the operator"))
        rows.sort(key=lambda row: row[0] != self.default)
        return [
            ModelRow(name, scales[0] if len(scales) == 1 else None, scales, text, name == self.default)
            for name, scales, text in rows
        ]

    def prepare(self) -> None:
        """Loads the default weights.

        Raises:
            ElansrError: unusable weights, or an unavailable device.
        """
        choose = Upscalers(self._chosen, None, FinalSize(), self._get)
        for lossy in (False, True):
            choose(Picture((np.zeros((1, 1, 3), np.uint8),), lossy=lossy))

    def upscalers(
        self,
        name: str | None,
        scale: int | None,
        size: FinalSize,
        share: Callable[[TiledNetwork], TiledNetwork],
        strength: float | None = None,
    ) -> Upscalers:
        """Returns the function that chooses the upscaler of a request.

        Args:
            name: one of `offers`; None is the default.
            scale: of the network, see `RequestOptions`.
            share: wraps an upscaler for the request.
            strength: see `RequestOptions`.

        Raises:
            ConfigError: a strength outside 0 to 1.
            WeightsError: an unknown name, a scale without weights, or weights without strength.
        """
        if name not in (None, self.default, *_NAMES):
            known = ", ".join(row.name for row in self.offers)
            raise WeightsError(f"unknown model {name!a}: must be one of {known}")
        model = self._chosen if name in (None, self.default) else name
        if is_path(model) or scale is None:
            require_strength(strength)
        else:
            weights_for(model, scale, strength=strength)
        return Upscalers(
            model, scale, size, lambda chosen, wanted: share(self._get(chosen, wanted, strength)), strength
        )

    def any_loaded(self) -> TiledNetwork | None:
        """A loaded upscaler, or None."""
        return next(iter(self._loaded.values()), None)

    def shown(self, chosen: str) -> str:
        """The name of weights for clients."""
        return self.default if chosen == self._chosen else chosen

    def _get(self, name: str, scale: int | None = None, strength: float | None = None) -> TiledNetwork:
        with self._lock:
            network = self._at_strength(name, strength) if strength is not None else self._as_it_is(name)
        if scale not in (None, network.scale):
            raise WeightsError(f"{self.shown(name)}: weights for x{network.scale}, not x{scale}: omit the scale")
        return network

    def _as_it_is(self, name: str) -> TiledNetwork:
        if name not in self._loaded:
            self._loaded[name] = self._load(name, None)
        return self._loaded[name]

    def _at_strength(self, name: str, strength: float) -> TiledNetwork:
        """The network at a strength; the most recently used ones stay in memory."""
        key = name, strength
        network = self._interpolated.pop(key, None) or self._load(name, strength)
        self._interpolated[key] = network
        if len(self._interpolated) > _MOST_STRENGTHS:
            del self._interpolated[next(iter(self._interpolated))]
        return network


def _of(name: str) -> str:
    """What a family is, in a line: "by scale: elan-light-x2, elan-light-x3, elan-light-x4"."""
    return f"by scale: {', '.join(family(name)[scale].name for scale in sorted(family(name)))}"


_FOR: dict[Degradation, str] = {
    "bicubic": "{name}: for clean pictures",
    "real": "{name}: for photos with noise or JPEG",
}


@dataclass(frozen=True)
class ModelFamily:
    """A row of the page's list of models.

    Attributes:
        name: of the family, or what the operator named.
        label: the text in the list, with {name} for the name.
        scales: its scales, and the model name of a request for each.
    """

    name: str
    label: str
    scales: Mapping[int, str]


def kinds(offers: Sequence[ModelRow]) -> list[ModelFamily]:
    """The rows for `OfferedModels.offers`, in its order."""
    found = [_kind(offer) for offer in offers]
    return list({kind.name: kind for kind in found}.values())


def first_scale(offers: Sequence[ModelRow], kind: ModelFamily) -> int:
    """The initial scale of the page: that of the default model, otherwise the largest."""
    default = next((offer.scale for offer in offers if offer.default), None)
    return default if default is not None and default in kind.scales else max(kind.scales)


def _kind(offer: ModelRow) -> ModelFamily:
    if offer.name == AUTO:
        return ModelFamily(AUTO, "Automatic", dict.fromkeys(family(CLEAN), AUTO))
    row = RELEASED.get(offer.name)
    name = row.family if row else offer.name
    members = family(name)
    if members:
        label = _FOR[next(iter(members.values())).degradation]
        return ModelFamily(name, label, {scale: member.name for scale, member in members.items()})
    return ModelFamily(name, f"{{name}}: {offer.description}", dict.fromkeys(offer.scales, name))
