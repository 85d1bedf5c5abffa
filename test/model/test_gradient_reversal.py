"""Gradient reversal: its sign and its factor, and who feels them."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck

from model.gradient_reversal import reverse_gradient


def gradient(weight: float, upstream: torch.Tensor) -> torch.Tensor:
    features = torch.randn(upstream.shape, requires_grad=True)
    reverse_gradient(features, weight).backward(upstream)
    assert features.grad is not None
    return features.grad


@pytest.mark.parametrize("weight", [0.0, 0.1, 1.0, 3.0])
def test_forward_is_the_identity(weight: float) -> None:
    features = torch.randn(4, 7)
    torch.testing.assert_close(reverse_gradient(features, weight), features, rtol=0, atol=0)


@pytest.mark.parametrize("weight", [0.1, 1.0, 2.5])
def test_gradient_is_turned_and_scaled(weight: float) -> None:
    upstream = torch.randn(4, 7)
    torch.testing.assert_close(gradient(weight, upstream), -weight * upstream)


def test_weight_zero_stops_the_gradient() -> None:
    assert gradient(0.0, torch.randn(4, 7)).count_nonzero() == 0


def test_gradcheck_fails_where_the_gradient_is_reversed() -> None:
    features = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: reverse_gradient(x, -1.0), features)
    assert not gradcheck(lambda x: reverse_gradient(x, 1.0), features, raise_exception=False)


def test_branch_behind_it_learns_the_same_whatever_the_weight() -> None:
    torch.manual_seed(0)
    trunk, branch = torch.nn.Linear(5, 4), torch.nn.Linear(4, 3)
    inputs = torch.randn(6, 5)
    branches, trunks = [], []
    for weight in (0.0, 0.1, 2.0):
        trunk.zero_grad()
        branch.zero_grad()
        branch(reverse_gradient(trunk(inputs), weight)).square().sum().backward()
        assert branch.weight.grad is not None and trunk.weight.grad is not None
        branches.append(branch.weight.grad.clone())
        trunks.append(trunk.weight.grad.clone())
    assert branches[0].abs().sum() > 0
    torch.testing.assert_close(branches[0], branches[1], rtol=0, atol=0)
    torch.testing.assert_close(branches[0], branches[2], rtol=0, atol=0)
    torch.testing.assert_close(trunks[1] * 20, trunks[2])
