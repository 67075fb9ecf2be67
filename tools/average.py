"""The mean of weights files of one network: `python -m tools.average FIRST SECOND -o OUT`.

Weights from two points of one run, or of runs that go on from each other, often do better in the mean than either
(arXiv 1803.05407). Whether they do is for the validation pictures to say.
"""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer

from elansr.errors import ElansrError, WeightsError
from elansr.nn.elan import ELAN
from elansr.weights.files import load, save

BAD_INPUT = 2


def average(networks: Sequence[ELAN]) -> ELAN:
    """A network with the mean of the parameters and of BatchNorm's statistics; counters are those of the last.

    Raises:
        WeightsError: the networks differ.
    """
    *others, last = networks
    if any(network.config != last.config for network in others):
        raise WeightsError("weights of different networks have no mean: give files of one preset and scale")
    states = [network.state_dict() for network in networks]
    mean = {
        name: torch.stack([state[name] for state in states]).mean(0) if value.is_floating_point() else value
        for name, value in last.state_dict().items()
    }
    result = ELAN(last.config)
    result.load_state_dict(mean)
    return result


def main(
    files: Annotated[list[Path], typer.Argument(help="Weights files, the one of the last steps last.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")],
    steps: Annotated[int, typer.Option("--steps", help="Optimiser steps of the last file, from the first's start.")],
) -> None:
    """Write the mean; its story is the last file's, with the names of all recipes' folders."""
    loaded = [load(path) for path in files]
    _, story = loaded[-1]
    whole = f"the mean of {' and '.join(path.parent.name for path in files)}; the last: {story.recipe}"
    told = dataclasses.replace(story, steps=steps, recipe=whole, metrics={})
    save(average([network for network, _ in loaded]), output, told)


if __name__ == "__main__":
    try:
        typer.run(main)
    except ElansrError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(BAD_INPUT)
