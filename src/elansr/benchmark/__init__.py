"""Times networks, and counts their operations and memory, for `elansr benchmark`. Needs PyTorch.

networks/              the networks that ELAN is compared with
published_weights.py   their published weights files
timed_models.py        what a name of `--models` stands for, and how it is run
speed.py               networks timed in turns
peak_memory.py         the most memory that a network takes
complexity.py          parameters, multiply-adds and activations, counted
machine.py             what the figures were measured on
"""
