"""Gradient reversal layer (Ganin et al. 2016, section 4.2)."""

from __future__ import annotations

import torch


class _GradientReversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features, weight):  # type: ignore[no-untyped-def]
        ctx.weight = weight
        return features.view_as(features)

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        return -ctx.weight * gradient, None


def reverse_gradient(features: torch.Tensor, weight: float) -> torch.Tensor:
    """The features themselves; their gradient is multiplied by -weight (the paper's lambda)."""
    reversed_features: torch.Tensor = _GradientReversal.apply(features, weight)
    return reversed_features
