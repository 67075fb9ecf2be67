"""Muon against the singular value decomposition, its AdamW part against PyTorch's; the moving average."""

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN, create_model
from elansr.training.optimizer import ADAMW_RMS, Muon, build_optimizer, is_matrix, orthogonalise, update_ema
from elansr.training.recipe import ScheduleRecipe


@pytest.mark.parametrize("shape", [(60, 120), (120, 60), (60, 60), (3, 1)])
def test_orthogonalise_keeps_the_singular_vectors_and_levels_the_values(shape: tuple[int, int]) -> None:
    matrices = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))
    out = orthogonalise(matrices)
    u, _, v = torch.linalg.svd(matrices.double(), full_matrices=False)
    levelled = u.mT @ out.double() @ v.mT
    diagonal = levelled.diagonal(dim1=-2, dim2=-1)
    assert (levelled - torch.diag_embed(diagonal)).abs().max() < 1e-3
    assert diagonal.min() > 0.3  # tiny singular values of a square matrix are not quite up yet
    assert diagonal.max() < 1.3


def test_a_zero_gradient_is_no_nan() -> None:
    assert torch.equal(orthogonalise(torch.zeros(1, 4, 6)), torch.zeros(1, 4, 6))


def trained(network: nn.Module, optimizer: torch.optim.Optimizer, steps: int = 5) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        optimizer.zero_grad()
        network(torch.randn(2, 3, 9, 9, generator=generator)).square().mean().backward()
        optimizer.step()
    return list(network.parameters())


def test_parameters_that_are_no_matrices_are_moved_by_adamw() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
    twin = copy.deepcopy(network)
    expected = trained(network, torch.optim.AdamW(network.parameters(), 1e-2, (0.9, 0.99), weight_decay=0.1))
    got = trained(twin, Muon(twin.parameters(), 1e-2, (0.9, 0.99), 0.1))
    for a, b in zip(expected, got, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-7)


def test_the_first_step_of_a_matrix_is_its_orthogonalised_gradient_at_the_size_of_adamws() -> None:
    layer = nn.Conv2d(8, 6, 1, bias=False)
    before = layer.weight.detach().clone()
    gradient = torch.randn(6, 8, 1, 1)
    layer.weight.grad = gradient.clone()
    Muon(layer.parameters(), lr=0.1).step()
    direction = orthogonalise(gradient.flatten(1).unsqueeze(0))[0].view(6, 8, 1, 1)
    torch.testing.assert_close(before - layer.weight.detach(), direction * 0.1 * ADAMW_RMS * math.sqrt(8))


def test_weight_decay_shrinks_a_matrix() -> None:
    layer = nn.Conv2d(4, 4, 1, bias=False)
    before = layer.weight.detach().clone()
    layer.weight.grad = torch.zeros_like(layer.weight)
    Muon(layer.parameters(), lr=0.1, weight_decay=0.5).step()
    torch.testing.assert_close(layer.weight.detach(), before * 0.95)


def test_in_elan_the_matrices_are_the_1x1_convolutions_of_the_body() -> None:
    network = create_model("elan-light", 2)
    matrices = [name for name, parameter in network.named_parameters() if is_matrix(parameter)]
    assert len(matrices) == 24 * 4  # a block: expand, reduce, project, merge
    assert all(name.startswith("body.") for name in matrices)
    assert sum(p.numel() for p in network.parameters() if is_matrix(p)) == 24 * (7200 + 7200 + 3600) + 12 * 10800


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("muon", Muon)])
def test_the_recipe_names_the_optimizer(name: str, kind: type) -> None:
    plan = ScheduleRecipe(steps=1, batch=4, learning_rate=3e-4, optimizer=name, betas=[0.8, 0.9])  # type: ignore[arg-type]
    optimizer = build_optimizer(create_model("elan-light", 2), plan)
    assert isinstance(optimizer, kind)
    assert all(group["lr"] == 3e-4 and group["betas"] == (0.8, 0.9) for group in optimizer.param_groups)
    assert (
        len({p for group in optimizer.param_groups for p in group["params"]}) == 24 * 10 + 4
    )  # four weights, four biases and a norm a block; head and tail


def test_the_ema_is_the_weighted_mean_of_all_floats() -> None:
    network, ema = nn.BatchNorm2d(2), nn.BatchNorm2d(2)
    nn.init.constant_(network.weight, 3.0)
    network.running_mean = torch.tensor([1.0, 2.0])
    network.num_batches_tracked = torch.tensor(7)
    update_ema(ema, network, decay=0.75, step=1000)
    assert ema.weight.tolist() == [1.5, 1.5]
    assert ema.running_mean is not None
    assert ema.running_mean.tolist() == [0.25, 0.5]
    assert ema.num_batches_tracked == 7
    update_ema(ema, network, decay=0.99, step=0)  # early averages forget the start: decay 1/10
    assert ema.weight.tolist() == pytest.approx([2.85, 2.85])


def test_the_average_covers_running_statistics_and_counts() -> None:
    network = ELAN(ELANConfig(scale=1, channels=6, blocks=1, n_share=0))
    ema = copy.deepcopy(network)
    before = copy.deepcopy(ema.state_dict())
    with torch.no_grad():
        for value in network.state_dict().values():
            value.add_(1)
    update_ema(ema, network, decay=0.75, step=10**6)
    for name, value in ema.state_dict().items():
        step = 0.25 if value.is_floating_point() else 1
        torch.testing.assert_close(value, before[name] + step)
