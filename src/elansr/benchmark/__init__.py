"""Times networks, and counts their operations and memory, for `elansr benchmark`. Needs PyTorch.

networks/              the networks that ELAN is compared with
published_weights.py   their published weights files
timed_models.py        the models of `--models`
speed.py               times networks in turns
peak_memory.py         peak memory of a network
complexity.py          counts parameters, multiply-adds and activations
machine.py             the machine
"""
