"""The README.md of a weights file on the Hugging Face Hub: a model card from what the file says of itself."""

import json
import textwrap
from collections.abc import Iterator

from elansr.nn.config import ELANConfig
from elansr.weights.provenance import Metrics, Provenance

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
        _table(("measured", "value"), _figures(provenance.metrics)) if provenance.metrics else "None were stated.",
        "## Recipe",
        textwrap.indent(provenance.recipe.strip(), "    ", lambda line: True) or "None was stated.",
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
