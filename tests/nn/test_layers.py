"""What the layers compute that the tests of the whole network do not see."""

import torch

from elansr.nn.layers import PointwiseConv


def test_a_float16_layer_on_a_cpu_is_wrong_by_one_rounding_only() -> None:
    torch.manual_seed(0)
    layer = PointwiseConv(60, 7).half()
    x = torch.randn(1, 5, 9, 60).half()
    weight, bias = layer.weight.double()[..., 0, 0], layer.bias
    assert bias is not None
    exact = x.double() @ weight.T + bias.double()
    half_a_step = torch.finfo(torch.float16).eps / 2
    with torch.no_grad():
        wrong = (layer(x).double() - exact).abs()
    assert (wrong <= exact.abs() * half_a_step * 1.01 + 2**-25).all()
