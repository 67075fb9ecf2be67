"""The authors' network spelled out: its names and shapes as a list, its function as torch calls, one by one."""

import torch
import torch.nn.functional as F
from torch import Tensor

from elansr.nn.config import ELANConfig

TINY = ELANConfig(scale=2, channels=6, blocks=4, n_share=1, windows=(2, 4, 4))
"""6 channels: shift groups of 1, 1, 1, 1, 2; two ELABs of two blocks."""

MEAN = torch.tensor([0.4488, 0.4371, 0.4040])


def official_state(config: ELANConfig = TINY, mean_shift: bool = True, seed: int = 0) -> dict[str, Tensor]:
    """Random weights under the authors' names, mean 0.4488, 0.4371, 0.4040 and range 255 if there is a mean shift."""
    torch.manual_seed(seed)
    c, wide, colors = config.channels, config.channels * config.expansion, config.colors
    state = {}
    if mean_shift:
        mean = 255 * MEAN if colors == 3 else torch.tensor([100.0])
        for name, bias in ("sub_mean", -mean), ("add_mean", mean):
            state[f"{name}.weight"] = torch.eye(colors)[:, :, None, None]
            state[f"{name}.bias"] = bias
    state |= convolution("head.0", colors, c, 3)
    for i in range(config.blocks // (config.n_share + 1)):
        for j in range(config.n_share + 1):
            for name, inputs, outputs in ("conv0", c, wide), ("conv1", wide, c):
                conv = f"body.{i}.modules_lfe.lfe_{j}.{name}.shift_conv"
                state[f"{conv}.weight"] = kernel(inputs)
                state |= convolution(f"{conv}.conv1x1", inputs, outputs, 1)
            gmsa = f"body.{i}.modules_gmsa.gmsa_{j}"
            projected = 2 * c if j == 0 else c
            state |= convolution(f"{gmsa}.project_inp.0", c, projected, 1)
            state[f"{gmsa}.project_inp.1.weight"] = torch.rand(projected) + 0.5
            state[f"{gmsa}.project_inp.1.bias"] = torch.randn(projected) / 2
            state[f"{gmsa}.project_inp.1.running_mean"] = torch.randn(projected)
            state[f"{gmsa}.project_inp.1.running_var"] = 1000 * torch.rand(projected) + 500
            state[f"{gmsa}.project_inp.1.num_batches_tracked"] = torch.tensor(3000 + j)
            state |= convolution(f"{gmsa}.project_out", c, c, 1)
    return state | convolution("tail.0", c, colors * config.scale**2, 3)


def convolution(name: str, inputs: int, outputs: int, side: int) -> dict[str, Tensor]:
    weight = torch.randn(outputs, inputs, side, side) / (inputs * side**2) ** 0.5
    return {f"{name}.weight": weight, f"{name}.bias": torch.randn(outputs) / 10}


def kernel(channels: int) -> Tensor:
    """Each group of channels reads its neighbour at the right, at the left, below, above; the rest stays."""
    result = torch.zeros(channels, 1, 3, 3)
    for channel in range(channels):
        row, column = [(1, 2), (1, 0), (2, 1), (0, 1), (1, 1)][min(channel // (channels // 5), 4)]
        result[channel, 0, row, column] = 1
    return result


def theirs(state: dict[str, Tensor], x: Tensor, config: ELANConfig = TINY) -> Tensor:
    """The authors' forward pass in float64.

    Takes (1, colors, H, W), H and W multiples of all windows, in whatever range `state` is for.
    """
    s = {name: tensor.double() for name, tensor in state.items()}

    def conv(name: str, x: Tensor, padding: int = 0) -> Tensor:
        return F.conv2d(x, s[f"{name}.weight"], s[f"{name}.bias"], padding=padding)

    x = conv("sub_mean", x.double()) if "sub_mean.weight" in s else x.double()
    features = x = conv("head.0", x, padding=1)
    for i in range(config.blocks // (config.n_share + 1)):
        attention: list[Tensor] = []
        for j in range(config.n_share + 1):
            y = x
            for name in "conv0", "conv1":
                part = f"body.{i}.modules_lfe.lfe_{j}.{name}.shift_conv"
                shifted = F.conv2d(y, s[f"{part}.weight"], padding=1, groups=y.shape[1])
                y = conv(f"{part}.conv1x1", shifted)
                y = y.clamp(min=0) if name == "conv0" else y
            x = x + y
            gmsa = f"body.{i}.modules_gmsa.gmsa_{j}"
            norm = [s[f"{gmsa}.project_inp.1.{n}"] for n in ("running_mean", "running_var", "weight", "bias")]
            y = F.batch_norm(conv(f"{gmsa}.project_inp.0", x), *norm)
            x = x + conv(f"{gmsa}.project_out", attend(y, attention, config.windows, i % 2 == 1))
    x = conv("tail.0", x + features, padding=1)
    x = F.pixel_shuffle(x, config.scale)
    return conv("add_mean", x) if "add_mean.weight" in s else x


def attend(y: Tensor, attention: list[Tensor], windows: tuple[int, ...], shifted: bool) -> Tensor:
    """Fills an empty list `attention` with the maps, one a window, in the order met; applies a filled one."""
    share = list(attention)
    pieces = []
    for group, w in zip(y.split(y.shape[1] // len(windows), dim=1), windows, strict=True):
        group = group.roll((-(w // 2), -(w // 2)), (2, 3)) if shifted else group
        channels = group.shape[1] if share else group.shape[1] // 2
        out = torch.empty_like(group[:, :channels])
        for top in range(0, group.shape[2], w):
            for left in range(0, group.shape[3], w):
                pixels = group[0, :, top : top + w, left : left + w].reshape(group.shape[1], w * w).T
                if share:
                    weights, values = share.pop(0), pixels
                else:
                    queries, values = pixels[:, :channels], pixels[:, channels:]
                    weights = (queries @ queries.T).softmax(dim=1)
                    attention.append(weights)
                out[0, :, top : top + w, left : left + w] = (weights @ values).T.reshape(channels, w, w)
        pieces.append(out.roll((w // 2, w // 2), (2, 3)) if shifted else out)
    return torch.cat(pieces, dim=1)
