"""The models as the page offers them: by family, the scale apart, because that is how people choose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from elansr.server.models import Offer
from elansr.upscaling.choice import CLEAN
from elansr.weights.released import AUTO, RELEASED, Degradation, family

_FOR: dict[Degradation, str] = {
    "bicubic": "for clean pictures",
    "real": "for photos with noise or JPEG",
}


@dataclass(frozen=True)
class Kind:
    """A row of the page's list of models.

    Attributes:
        name: of the family, or what the operator named.
        label: what the list says.
        scales: what it can enlarge by, and what a request then has to name.
    """

    name: str
    label: str
    scales: Mapping[int, str]


def kinds(offers: Sequence[Offer]) -> list[Kind]:
    """The rows for what a service offers, in its order.

    Args:
        offers: of the service, see `Models.offers`.
    """
    found: dict[str, Kind] = {}
    for offer in offers:
        kind = _kind(offer)
        found.setdefault(kind.name, kind)
    return list(found.values())


def scale_first(offers: Sequence[Offer], kind: Kind) -> int:
    """The scale that is chosen when the page opens: that of the service's default model, else the largest."""
    default = next((offer.scale for offer in offers if offer.default), None)
    return default if default is not None and default in kind.scales else max(kind.scales)


def _kind(offer: Offer) -> Kind:
    if offer.name == AUTO:
        return Kind(AUTO, "Automatic", dict.fromkeys(family(CLEAN), AUTO))
    row = RELEASED.get(offer.name)
    name = row.family if row else offer.name
    members = family(name)
    if members:
        purpose = _FOR[next(iter(members.values())).degradation]
        return Kind(name, f"{name}: {purpose}", {scale: member.name for scale, member in members.items()})
    return Kind(name, f"{name}: {offer.description}", dict.fromkeys(offer.scales, name))
