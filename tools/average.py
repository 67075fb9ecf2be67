"""Averages weights files of one network, under a name: `python -m tools.average FIRST SECOND --name NAME -o OUT`.

Weights from two points of one run, or of runs that go on from each other, often do better in the mean than either
(arXiv 1803.05407). Whether they do is for the validation pictures to say. A single file is only renamed: a run calls
its weights by its own name.
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
from elansr.weights.weights_file import load, save

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
    name: Annotated[str, typer.Option("--name", help="What the weights are called, such as elan-light-x4.")],
    steps: Annotated[
        int | None, typer.Option("--steps", help="Optimiser steps over all runs; default: the last's.")
    ] = None,
) -> None:
    """Write the mean; its story is the last file's, with the names of all runs."""
    loaded = [load(path) for path in files]
    _, story = loaded[-1]
    story = dataclasses.replace(story, name=name, steps=story.steps if steps is None else steps)
    if len(files) > 1:
        runs = " and ".join(each.name or path.stem for path, (_, each) in zip(files, loaded, strict=True))
        story = dataclasses.replace(story, recipe=f"the mean of {runs}; the last: {story.recipe}", metrics={})
    save(average([network for network, _ in loaded]), output, story)


if __name__ == "__main__":
    try:
        typer.run(main)
    except ElansrError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(BAD_INPUT)
