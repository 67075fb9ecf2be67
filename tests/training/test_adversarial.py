"""The finishing stage: what the discriminator sees and learns, and a run with one."""

from pathlib import Path

import pytest
import torch
from lightning.fabric import Fabric
from torch import Tensor

from elansr.training.adversarial import Adversary, Discriminator
from elansr.training.checkpoint import Checkpoints
from elansr.training.loop import train
from elansr.training.recipe import AdversarialRecipe, load_recipe
from tests.training.recipes import recipe_file

LIGHTNING = pytest.mark.filterwarnings("ignore")


def _pair() -> tuple[Tensor, Tensor, Tensor]:
    """SR that is smooth, HR with a checkerboard on it, and LR."""
    torch.manual_seed(0)
    lr = torch.rand(4, 3, 16, 16)
    sr = torch.nn.functional.interpolate(lr, scale_factor=2, mode="bicubic").clamp(0.2, 0.8)
    board = (torch.arange(32).view(-1, 1) + torch.arange(32)) % 2
    return sr, sr + 0.3 * (board - 0.5), lr


def test_a_logit_for_every_8x8_pixels_that_depends_on_lr_too() -> None:
    torch.manual_seed(0)
    network = Discriminator(32).eval()
    assert sum(parameter.numel() for parameter in network.parameters()) == pytest.approx(0.7e6, rel=0.05)
    sr, _, lr = _pair()
    features = network(sr, lr)
    assert [tuple(x.shape) for x in features] == [
        (4, 32, 32, 32),
        (4, 64, 16, 16),
        (4, 128, 8, 8),
        (4, 256, 4, 4),
        (4, 1, 4, 4),
    ]
    assert not torch.equal(features[-1], network(sr, lr.flip(3))[-1])


@LIGHTNING
def test_it_learns_to_tell_them_apart_and_its_loss_pulls_towards_hr() -> None:
    sr, hr, lr = _pair()
    torch.manual_seed(0)
    adversary = Adversary(AdversarialRecipe(channels=8, learning_rate=2e-3), Fabric(accelerator="cpu", devices=1))
    losses = [float(adversary.learn(sr, hr, lr)) for _ in range(60)]
    assert losses[0] == pytest.approx(2, abs=0.3)  # the hinge loss of one that knows nothing
    assert losses[-1] < 1
    sr = sr.requires_grad_()
    at_sr, at_hr = adversary.loss(sr, hr, lr), adversary.loss(hr, hr, lr)
    assert float(at_hr) < float(at_sr)
    at_sr.backward()
    assert sr.grad is not None
    assert float((sr.grad * (hr - sr)).sum()) < 0  # downhill is towards HR


@LIGHTNING
def test_a_finishing_stage_resumes_bit_for_bit_and_keeps_the_last_weights(tmp_path: Path) -> None:
    def final(run: str, stops: list[int]) -> dict[str, object]:
        path = recipe_file(tmp_path, run, steps=4, validate_every=2)
        path.write_text(path.read_text() + "\n[adversarial]\nchannels = 4\n")
        for stop in stops:
            recipe = load_recipe(path)

            def interrupt(step: int, _: int, stop: int = stop) -> None:
                if step == stop:
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                train(recipe, progress=interrupt)
        weights = train(load_recipe(path))
        from elansr.weights.weights_file import load

        assert load(weights)[1].steps == 4
        return dict(torch.load(Checkpoints(tmp_path / run, 1).newest_first()[0], weights_only=True))

    straight, resumed = final("straight", []), final("resumed", [2])
    for name in ("network", "ema"):
        for key, value in straight[name].items():  # type: ignore[attr-defined]
            assert torch.equal(value, resumed[name][key]), key  # type: ignore[index]
    first, second = (state["adversary"]["network"] for state in (straight, resumed))  # type: ignore[index]
    assert all(torch.equal(first[key], second[key]) for key in first)
