"""Packed layers: every weight is there once, where the library looks for it, rounded as torch rounds."""

import numpy as np
import pytest
import torch

from elansr.engines.cpu import bindings
from elansr.engines.cpu.native_calls import Run, from_bfloat16, pack, to_bfloat16
from tests.engines.cpu.pixels import packed

if not bindings.available():
    pytest.skip(f"no native library: {bindings.reason()}", allow_module_level=True)

SPECIAL = [0.0, -0.0, 1e-45, 1e-40, 3.38e38, -3.38e38, 1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8, 0.1, -3.3]
"""Denormal, large, and halfway between two bfloat16: to the even one."""


def test_bfloat16_is_rounded_as_torch_rounds() -> None:
    values = torch.tensor([*SPECIAL, *torch.randn(1000).tolist()])
    rounded = values.bfloat16()
    assert np.array_equal(to_bfloat16(values.numpy()), rounded.view(torch.uint16).numpy())
    assert np.array_equal(from_bfloat16(to_bfloat16(values.double().numpy())), rounded.float().numpy())


@pytest.mark.parametrize("outputs", [1, 2, 6, 7, 12, 13, 60])
def test_each_word_stands_with_the_other_outputs_of_its_tile(run: Run, outputs: int) -> None:
    weight = torch.arange(1.0, outputs * 8 + 1).view(outputs, 8).fmod(200).add(1)
    layer = packed(weight, torch.ones(outputs), run)
    assert layer.weights.ctypes.data % 64 == 0
    assert (layer.inputs, layer.outputs, layer.bias.sum()) == (8, outputs, outputs)
    tile = layer.weights.shape[2]
    for output in range(outputs):
        for channel in range(8):
            word = layer.weights[output // tile, channel // run.pair, output % tile]
            value = word if run.pair == 1 else from_bfloat16(word.reshape(1).view(np.uint16))[channel % 2]
            assert value == weight[output, channel]
    assert np.count_nonzero(layer.weights) == weight.numel() // run.pair


@pytest.mark.parametrize("by_color", [False, True])
def test_nine_neighbours_stand_one_after_the_other(run: Run, by_color: bool) -> None:
    weight = torch.arange(2.0 * 3 * 9).view(2, 3, 3, 3)
    layer = packed(weight, torch.zeros(2), run, by_color)
    order = weight[1] if by_color else weight[1].movedim(0, -1)
    assert layer.weights.dtype == np.float32
    assert layer.weights[0, :, 1].tolist() == order.flatten().tolist()


def test_weights_of_another_type_and_order_in_memory() -> None:
    level = bindings.level()
    assert level is not None
    weight = np.random.default_rng(0).standard_normal((7, 5)).astype(np.float32)
    expected = pack(weight, np.zeros(7), "fp32", level)
    turned = np.asfortranarray(weight.astype(np.float64))
    assert np.array_equal(pack(turned, np.zeros(7), "fp32", level).weights, expected.weights)
