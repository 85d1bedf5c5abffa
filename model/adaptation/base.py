"""What an adaptation takes and returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from model.network import MitosisNetwork
from model.precision import Precision
from model.source_bank import SourceBank


@dataclass(frozen=True)
class AdaptationSettings:
    """Settings of the adaptation to one image.

    Attributes:
        epochs: passes over bank and target together (paper, section 3).
        learning_rate: of Adam, constant (paper, section 3; found there by search).
        batch_size: entries and candidates in a step (paper, section 3).
        max_steps: stop after this many steps; None for whole epochs.
        reversal_weight: lambda; that of the training, because a scanner branch trained with a
            small weight destabilises the trunk under a larger one.
        seed: of the order in which bank and target are shuffled.
        precision: of the arithmetic.
        deadline: value of time.monotonic() after which no further step begins; None for none.
        on_step: called after each step with the steps done and planned.
    """

    epochs: int = 5
    learning_rate: float = 1.7e-6
    batch_size: int = 128
    max_steps: int | None = None
    reversal_weight: float = 1.0
    seed: int = 0
    precision: Precision = "fp32"
    deadline: float | None = None
    on_step: Callable[[int, int], None] | None = None


@dataclass(frozen=True)
class Adapted:
    """An adapted network.

    Attributes:
        network: in evaluation mode.
        record: values for the fields of AdaptationRecord of the same names.
    """

    network: MitosisNetwork
    record: dict[str, Any] = field(default_factory=dict)


class Adapt(Protocol):
    """Changes a fresh copy of the shipped network.

    The target is (n, …) activations at the bank's cut of the image's candidates (patches at cut 0).
    """

    def __call__(
        self,
        network: MitosisNetwork,
        target: torch.Tensor,
        bank: SourceBank,
        settings: AdaptationSettings,
    ) -> Adapted:
        """Adapt the network."""
        ...
