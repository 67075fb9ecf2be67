"""Engines, which run a network on a tile; `open_engine` chooses one.

engine.py             what an engine is, and choosing one
cpu/                  the native library; needs no PyTorch
pytorch.py            any device of PyTorch
closed_attention.py   window attention that ends at the borders, for pytorch.py
cuda/                 Triton kernels and CUDA graphs, for pytorch.py
exported.py           files for ONNX Runtime and OpenVINO
device.py             devices, precisions, CPU threads
spandrel.py           ELAN for programs that load models with spandrel
"""

from elansr.engines.engine import Engine, Tile, open_engine

__all__ = ["Engine", "Tile", "open_engine"]
