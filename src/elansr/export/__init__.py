"""Exports weights for other runtimes: ONNX, OpenVINO, and PyTorch's own archive.

write.py        `export`: writes a file, checks it and puts it in place
onnx_elan.py    ELAN as an ONNX graph, which OpenVINO files are made from; onnx_graph.py: such graphs in general
archive.py      PyTorch's archive
parity.py       comparison with PyTorch
"""

from elansr.export.write import ExportResult, Target, export, write_unchecked

__all__ = ["ExportResult", "Target", "export", "write_unchecked"]
