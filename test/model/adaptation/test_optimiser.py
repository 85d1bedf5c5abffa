"""The optimiser is Adam, wherever the weights lie in memory."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from model.adaptation.optimiser import Adam


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("gradient_last", [False, True])
def test_steps_are_adam_s(channels_last: bool, gradient_last: bool) -> None:
    """By the formula of Kingma and Ba (algorithm 1), with gradients in either order of memory."""
    torch.manual_seed(0)
    weights = [nn.Parameter(torch.randn(4, 3, 3, 3)), nn.Parameter(torch.randn(5))]
    if channels_last:
        weights[0] = nn.Parameter(weights[0].detach().to(memory_format=torch.channels_last))
    expected = [w.detach().double().clone() for w in weights]
    first = [torch.zeros_like(e) for e in expected]
    second = [torch.zeros_like(e) for e in expected]
    optimiser = Adam(weights, learning_rate=0.01)
    for step in range(1, 5):
        for index, weight in enumerate(weights):
            gradient = torch.randn(weight.shape)
            if gradient_last and index == 0:
                weight.grad = gradient.to(memory_format=torch.channels_last)
            else:
                weight.grad = gradient
            first[index] = 0.9 * first[index] + 0.1 * gradient
            second[index] = 0.999 * second[index] + 0.001 * gradient.double() ** 2
            mean, square = first[index] / (1 - 0.9**step), second[index] / (1 - 0.999**step)
            expected[index] -= 0.01 * mean / (square.sqrt() + 1e-8)
        optimiser.step()
        optimiser.zero_grad()
        assert all(weight.grad is None for weight in weights)
    for weight, right in zip(weights, expected, strict=True):
        torch.testing.assert_close(weight.detach().double(), right, rtol=1e-4, atol=1e-5)


def test_weight_without_a_gradient_stays() -> None:
    weights = [nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))]
    optimiser = Adam(weights, learning_rate=0.1)
    for weight in weights:
        weight.grad = torch.ones(2)
    optimiser.step()
    optimiser.zero_grad()
    weights[0].grad = torch.ones(2)
    optimiser.step()
    assert weights[0].tolist() == pytest.approx([0.8, 0.8])
    assert weights[1].tolist() == pytest.approx([0.9, 0.9])


def test_steps_are_bit_identical_to_those_of_torch() -> None:
    torch.manual_seed(0)
    ours = [nn.Parameter(torch.randn(4, 3, 3, 3)), nn.Parameter(torch.randn(5))]
    theirs = [nn.Parameter(weight.detach().clone()) for weight in ours]
    optimiser = Adam(ours, learning_rate=0.01)
    reference = torch.optim.Adam(theirs, lr=0.01, fused=True)
    for _ in range(5):
        for weight, other in zip(ours, theirs, strict=True):
            weight.grad = torch.randn(weight.shape)
            other.grad = weight.grad.clone()
        optimiser.step()
        reference.step()
    for weight, other in zip(ours, theirs, strict=True):
        assert torch.equal(weight, other)
