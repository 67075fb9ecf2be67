"""On a GPU, where there is one: the whole way through Triton and CUDA graphs, against the CPU in float64."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

if not torch.cuda.is_available():
    pytest.skip("no CUDA GPU", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[3]

PROGRAM = """
import itertools, torch
from elansr.engines.pytorch import FusedELAN, TorchEngine, inference_form
from elansr.nn.config import ELANConfig
from tests.nn.networks import random_picture, randomised

config = ELANConfig(scale=2, channels=60, blocks=8, n_share=1)
form, device = inference_form(randomised(config).float()), "cuda"
limits = {"fp32": 1e-4, "fp16": 0.01, "bf16": 0.05}
torch.backends.cudnn.allow_tf32 = False  # head and tail are convolutions in float32
for closed, (precision, limit) in itertools.product((True, False), limits.items()):
    engine = TorchEngine(form, device, precision, closed)
    truth = FusedELAN(form, torch.float64, closed)
    for height, width in ((1, 1), (19, 23), (50, 70)):
        for seed in range(2):
            x = random_picture(config, height, width).roll(seed, 2).float()
            with torch.no_grad():
                expected = truth(x.double())
            for run in range(3):  # as it is twice, then captured, then replayed
                result = torch.from_numpy(engine(x.numpy())).double()
                error = ((result - expected).square().mean().sqrt() / expected.std()).item()
                assert error < limit, (closed, precision, height, width, run, error)
    assert engine.network._triton, "PyTorch did the work"
    assert len(engine.run._graphs) == 3, "no CUDA graphs"
"""


@pytest.mark.slow
def test_triton_and_graphs() -> None:
    """In a process of its own: in this one, Triton may be set to interpret."""
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    command = [sys.executable, "-c", PROGRAM]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert not run.returncode, run.stderr
