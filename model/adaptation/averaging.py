"""Moving average of the weights over the steps (mean teacher, Tarvainen and Valpola 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import torch


class MovingAverage:
    """Follows some parameters with a decay for each step."""

    def __init__(self, parameters: Sequence[torch.nn.Parameter], decay: float) -> None:
        """Start from the parameters as they are; a decay of 0 is the last step alone."""
        self._parameters = [parameter.detach() for parameter in parameters]
        self._mean = [parameter.clone() for parameter in self._parameters]
        self._decay = decay

    def update(self) -> None:
        """Take in the parameters after a step."""
        torch._foreach_lerp_(self._mean, self._parameters, 1 - self._decay)

    def replace_parameters(self) -> None:
        """Replace the parameters by their average."""
        torch._foreach_copy_(self._parameters, self._mean)
