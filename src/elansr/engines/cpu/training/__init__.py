"""The native library for a network that is trained, or run as it is, on a CPU.

accelerate   gives a network native layers, with the same parameters
attention    window attention with its gradient
shift        the shift of shift-conv with its gradient
"""

from elansr.engines.cpu.training.acceleration import accelerate

__all__ = ["accelerate"]
