"""Adam (paper, section 3) over weights as they lie in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.optim.adam import adam

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Kingma and Ba, algorithm 1


class Adam:
    """`torch.optim.Adam`, fused, without its copies and its imports.

    The fused step copies every gradient whose channels are last before it reads it. Adam works
    value by value, so it is given weights and gradients under the shape in which they lie.

    The class in torch.optim imports PyTorch's compiler, which takes half as long as importing
    torch. The function beside it, which takes the same step, does not.
    """

    def __init__(self, parameters: Sequence[torch.nn.Parameter], learning_rate: float) -> None:
        """Parameters that require a gradient, and their constant rate."""
        self._states = [_State.of(parameter) for parameter in parameters]
        self._rate = learning_rate

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for state in self._states:
            state.parameter.grad = None

    def step(self) -> None:
        """Take a step; parameters without a gradient stay."""
        states = [state for state in self._states if state.parameter.grad is not None]
        adam(
            [state.view for state in states], [state.gradient() for state in states],
            [state.mean for state in states], [state.square for state in states], [],
            [state.steps for state in states], lr=self._rate, beta1=BETA1, beta2=BETA2, eps=EPSILON,
            weight_decay=0.0, amsgrad=False, maximize=False, fused=True, capturable=True,
        )  # fmt: skip


class _State(NamedTuple):
    """A parameter, its view as it lies in memory, and its moments and steps so far."""

    parameter: torch.nn.Parameter
    view: torch.Tensor
    mean: torch.Tensor
    square: torch.Tensor
    steps: torch.Tensor

    @classmethod
    def of(cls, parameter: torch.nn.Parameter) -> _State:
        """Before the first step."""
        view = parameter.detach()
        view = _channels_last(view) if _has_channels_last(parameter) else view
        zeros = torch.zeros_like(view), torch.zeros_like(view)
        return cls(parameter, view, *zeros, torch.zeros((), device=view.device))

    def gradient(self) -> torch.Tensor:
        """The gradient in the order of the view."""
        gradient = self.parameter.grad
        assert gradient is not None
        if _has_channels_last(self.parameter):
            gradient = _channels_last(gradient)
        if gradient.stride() != self.view.stride():  # the fused step would mix up its values
            gradient = torch.empty_like(self.view).copy_(gradient)
        return gradient


def _has_channels_last(tensor: torch.Tensor) -> bool:
    return tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)


def _channels_last(tensor: torch.Tensor) -> torch.Tensor:
    """A view of (n, channels, height, width) as (n, height, width, channels)."""
    return tensor.permute(0, 2, 3, 1)
