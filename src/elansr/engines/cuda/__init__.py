"""ELAN's body on NVIDIA GPUs.

support.py          whether Triton kernels run here
triton_kernels.py   the kernels: convolutions, window attention with its softmax
launches.py         the stages of the body as launches of them
body.py             the body
graphs.py           CUDA graphs
"""
