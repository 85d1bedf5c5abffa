"""Adam (paper, section 3) over weights as they lie in memory."""

from __future__ import annotations

from collections.abc import Sequence

import torch


class Adam:
    """`torch.optim.Adam`, fused, without its copies.

    The fused step copies every gradient whose channels are last before it reads it. Adam works
    value by value, so it is given weights and gradients under the shape in which they lie.
    """

    def __init__(self, parameters: Sequence[torch.nn.Parameter], learning_rate: float) -> None:
        """Parameters that require a gradient, and their constant rate."""
        self._parameters = list(parameters)
        self._turned = [_has_channels_last(p) for p in self._parameters]
        self._views = [
            _channels_last(p.detach()) if turned else p.detach()
            for p, turned in zip(self._parameters, self._turned, strict=True)
        ]
        on_gpu = self._views[0].is_cuda
        self._adam = torch.optim.Adam(self._views, lr=learning_rate, fused=True, capturable=on_gpu)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    def step(self) -> None:
        """Take a step; parameters without a gradient stay."""
        for parameter, view, turned in zip(
            self._parameters, self._views, self._turned, strict=True
        ):
            gradient = parameter.grad
            if gradient is not None:
                gradient = _channels_last(gradient) if turned else gradient
                if gradient.stride() != view.stride():  # the fused step would mix up its values
                    gradient = torch.empty_like(view).copy_(gradient)
            view.grad = gradient
        self._adam.step()


def _has_channels_last(tensor: torch.Tensor) -> bool:
    return tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)


def _channels_last(tensor: torch.Tensor) -> torch.Tensor:
    """A view of (n, channels, height, width) as (n, height, width, channels)."""
    return tensor.permute(0, 2, 3, 1)
