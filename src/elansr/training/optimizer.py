"""The optimisers and the moving average (EMA) of what they train.

The optimisers are AdamW, and Muon for the matrices of the body with AdamW for everything else.

Nearly all parameters of ELAN's body are 1x1 convolutions, that is matrices. Muon (K. Jordan et al. 2024,
kellerjordan.github.io/posts/muon) replaces the momentum of a matrix by the nearest semi-orthogonal matrix, found by a
Newton-Schulz iteration, so that every direction of the matrix learns at the same pace. Its updates are scaled to the
size of AdamW's as in Liu et al. 2025 (arXiv 2502.16982, section 2.2), so that one learning rate serves both.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torch.optim.adamw import adamw

from elansr.training.recipe import ScheduleRecipe

MOMENTUM = 0.95
NEWTON_SCHULZ_STEPS = 5
QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of Newton-Schulz: five steps bring every singular value from 0.01..1 to about 0.7..1.2 (Jordan 2024)."""
ADAMW_RMS = 0.2
"""Usual root mean square of AdamW's update at learning rate 1 (arXiv 2502.16982)."""
ADAMW_EPS = 1e-8


def build_optimizer(network: nn.Module, plan: ScheduleRecipe) -> Optimizer:
    """The recipe's optimiser over all parameters of `network`."""
    first, second = plan.betas
    if plan.optimizer == "adamw":
        return AdamW(network.parameters(), plan.learning_rate, (first, second), weight_decay=plan.weight_decay)
    return Muon(network.parameters(), plan.learning_rate, (first, second), plan.weight_decay)


class Muon(Optimizer):
    """Muon for 1x1 convolutions, AdamW for the 3x3 convolutions, the biases and BatchNorm.

    Args:
        lr: learning rate of both.
        betas: of AdamW.
        weight_decay: decoupled, of both.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        matrices: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for parameter in parameters:
            (matrices if is_matrix(parameter) else others).append(parameter)
        groups = [{"params": matrices, "muon": True}, {"params": others, "muon": False}]
        groups = [group for group in groups if group["params"]]
        super().__init__(groups, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Moves every parameter that has a gradient."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            (self._muon if group["muon"] else self._adamw)(parameters, group)

    def _muon(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """Matrices of one shape are orthogonalised together."""
        by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
        for parameter in parameters:
            by_shape[parameter.shape].append(parameter)
        for shape, alike in by_shape.items():
            directions = orthogonalise(torch.stack([self._nesterov(p).flatten(1) for p in alike]))
            step = group["lr"] * ADAMW_RMS * math.sqrt(max(shape[0], shape[1]))
            for parameter, direction in zip(alike, directions, strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(direction.view(shape).to(parameter.dtype), alpha=step)

    def _nesterov(self, parameter: Tensor) -> Tensor:
        gradient, state = _gradient(parameter), self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        return gradient.lerp(state["momentum"], MOMENTUM)

    def _adamw(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        for parameter in parameters:
            if not self.state[parameter]:
                zeros = {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
                self.state[parameter] |= {"step": torch.zeros(()), **zeros}
        states = [self.state[parameter] for parameter in parameters]
        adamw(
            parameters,
            [_gradient(parameter) for parameter in parameters],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=ADAMW_EPS,
            maximize=False,
        )


@torch.no_grad()
def update_ema(ema: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Moves every float of `ema`, BatchNorm's running statistics among them, towards `network`.

    The decay grows with the step, so that an average over few steps does not remember the initial weights.
    """
    decay = min(decay, (1 + step) / (10 + step))
    current: dict[str, Tensor] = network.state_dict()
    averages, values = [], []
    for name, average in ema.state_dict().items():
        if average.is_floating_point():
            averages.append(average)
            values.append(current[name].to(average.dtype))
        else:
            average.copy_(current[name])
    torch._foreach_lerp_(averages, values, 1 - decay)


def is_matrix(parameter: Tensor) -> bool:
    """Whether a parameter is the weight of a 1x1 convolution."""
    return parameter.ndim == 4 and parameter.shape[2:] == (1, 1)


def orthogonalise(matrices: Tensor) -> Tensor:
    """About the nearest semi-orthogonal matrix of each of (B, m, n): singular vectors kept, singular values near 1."""
    a, b, c = QUINTIC
    x = matrices.float()
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + torch.finfo(x.dtype).tiny)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad
