"""Weights as files that other run times take: ONNX, OpenVINO, and PyTorch's own archive."""

from elansr.export.write import Target, Written, export, named, write_unchecked

__all__ = ["Target", "Written", "export", "named", "write_unchecked"]
