"""Weights: the released files, loading and saving, and the layouts of other projects.

    released.py    the table of released weights; a name or a path becomes a path
    files.py       `save` and `load`: our own format, safetensors with the config and the provenance in its metadata
    provenance.py  where weights come from: the story that travels in the file
    convert.py     other projects' checkpoints, read and written
    describe.py    what `elansr info` prints
    layouts.py, mean_shift.py   how those checkpoints name and scale what our network has
    contents.py, checks.py, header.py, disk.py   what a file holds, and the strict way in and out

Nothing here unpickles foreign objects: `.pt` and `.pth` are opened with `weights_only=True` or not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    from elansr.nn.elan import ELAN


def load_network(name_or_file: str | os.PathLike[str], scale: int | None = None) -> ELAN:
    """The network of a released name or of a weights file, ready to use.

    Args:
        name_or_file: "elan-light-x4", "elan-light" together with `scale`, or the path of a file of ours or of one of
            the layouts that `convert` knows (then with windows 4, 8, 16; convert the file first where it has others).
        scale: super-resolution factor that the weights must have; None takes what the name or the file says.

    Returns:
        The network in eval mode, float32, on the CPU.

    Raises:
        WeightsError: an unknown name, an unusable file, or weights of another scale.
    """
    from elansr.weights.convert import read_weights

    return read_weights(name_or_file, scale).network()
