"""The paper's network in plain PyTorch.

config.py      what defines a network, and the presets; without PyTorch
elan.py        ELAN
layers.py      the parts of its block, ELAB
attention.py   window attention
ops.py         operations without parameters: windows, shifts, padding
"""
