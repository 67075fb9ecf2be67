"""ELAN's body on NVIDIA GPUs.

support.py   whether Triton kernels run here
kernels.py   the kernels: convolutions, window attention with its softmax
layers.py    the stages of the body as launches of them
body.py      the body
graphs.py    CUDA graphs
"""
