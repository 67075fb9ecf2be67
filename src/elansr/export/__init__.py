"""Weights as files that other run times take: ONNX, OpenVINO, and PyTorch's own archive."""

from elansr.export.write import ExportResult, Target, export, write_unchecked

__all__ = ["ExportResult", "Target", "export", "write_unchecked"]
