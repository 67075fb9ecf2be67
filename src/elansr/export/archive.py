"""PyTorch's own archive (.pt2), for programs that have torch and not elansr: `torch.export.load(path).module()(lr)`.

It takes one size and batches of one. With open sizes, torch.export spends its time on proving that windows divide what
they are cut from: over 100 s of processor time for two blocks with closed borders (torch 2.13).

`torch.export.load` unpickles, so that a file can run any code: elansr opens only the one that it has just written.
"""

from pathlib import Path

import torch

from elansr.engines.exported import KEY, ExportMetadata, FileEngine
from elansr.engines.pytorch import DTYPES, FusedELAN
from elansr.weights.inference import InferenceForm


@torch.no_grad()
def write_archive(form: InferenceForm, path: Path, exported: ExportMetadata) -> None:
    """Traces the inference form.

    Args:
        exported: with a size; goes into the archive as the extra file "elansr".
    """
    assert exported.size
    fused = FusedELAN(form, DTYPES[exported.precision], exported.closed)
    lr = torch.zeros(1, form.config.colors, *exported.size)
    program = torch.export.export(fused, (lr,))
    torch.export.save(program, path, extra_files=exported.to_metadata())


def open_archive(path: Path) -> FileEngine:
    """Opens a file that was written a moment ago by `write_archive`."""
    found = {KEY: ""}
    run = torch.export.load(path, extra_files=found).module()
    exported = ExportMetadata.from_metadata(found)
    return FileEngine(path, "cpu", exported, lambda x: run(torch.from_numpy(x)).detach().numpy())
