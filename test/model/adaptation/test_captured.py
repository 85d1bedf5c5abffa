"""A captured step does what the step does, whatever device it runs on."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from model.activations import as_input
from model.adaptation import adversarial, matched
from model.adaptation.base import AdaptationSettings
from model.adaptation.captured import WARM_UP, CapturedStep, captured
from model.adaptation.optimiser import Adam
from test.model.builders import some_patches, tiny_bank, tiny_network

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
SETTINGS = AdaptationSettings(epochs=3, learning_rate=1e-4, batch_size=16, reversal_weight=0.5)


def test_on_the_cpu_it_is_the_step_itself() -> None:
    def step() -> torch.Tensor:
        return torch.zeros(3)

    assert captured(step, torch.device("cpu")) is step


@needs_gpu
def test_each_call_is_one_step() -> None:
    """Of a linear layer, with arguments of the first shape and of others in between."""
    weights = [nn.Parameter(torch.ones(4, device="cuda")) for _ in range(2)]
    inputs = [torch.randn(5 if number % 4 == 3 else 8, 4) for number in range(5 * WARM_UP)]
    losses: list[list[float]] = [[], []]
    for place, weight in enumerate(weights):
        optimiser = Adam([weight], 0.1)

        def step(
            values: torch.Tensor, weight: nn.Parameter = weight, optimiser: Adam = optimiser
        ) -> torch.Tensor:
            loss = (values @ weight).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            return loss.detach()[None]

        take = step if place == 0 else CapturedStep(step, weight.device)
        found = [take(values.cuda() if place == 0 else values) for values in inputs]
        losses[place] = torch.cat(found).tolist()
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    torch.testing.assert_close(weights[0], weights[1], rtol=1e-5, atol=1e-6)


@needs_gpu
@pytest.mark.parametrize(("way", "cut"), [("matched", 3), ("paper", 3), ("paper", 0)])
def test_adaptation_is_that_of_the_cpu(way: str, cut: int) -> None:
    """In fp32, up to rounding; the last batch of an epoch is smaller than the others."""
    networks, curves = [], []
    for device in ("cpu", "cuda"):
        network = tiny_network()
        patches = some_patches(40, seed=9)
        with torch.no_grad():
            target = patches if cut == 0 else network.below(as_input(patches, 0), cut)
        bank = tiny_bank(network, cut).to(torch.device(device))
        network = network.to(device)
        if way == "matched":
            adapted = matched.adapt(network, target.to(device), bank, SETTINGS)
        else:
            adapted = adversarial.adapt(network, target.to(device), bank, SETTINGS, "training")
        networks.append(adapted.network.cpu())
        curves.append(adapted.record["curve"]["mitosis_loss"])
    assert curves[1] == pytest.approx(curves[0], abs=0.02)
    first, second = (network.state_dict() for network in networks)
    before = tiny_network().state_dict()
    moved = [torch.cat([(s[n] - before[n]).flatten() for n in before if n.endswith("weight")])
             for s in (first, second)]  # fmt: skip
    assert float(torch.cosine_similarity(moved[0], moved[1], dim=0)) > 0.9
