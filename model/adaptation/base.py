"""What every way of adapting takes and gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch

from model.adaptation.calibration import Calibration
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
        reversal_weight: lambda; that of the training, since a scanner branch trained with a small
            one tears at the trunk under a larger one.
        seed: of the order in which bank and target are shuffled.
        precision: of the arithmetic.
        deadline: value of time.monotonic() after which no further step begins; None for none.
        on_step: called after each step with the steps done and planned.
        calibration, threshold: of the scores, for arms that learn from the image's own.
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
    calibration: Calibration | None = None
    threshold: float = 0.5


@dataclass(frozen=True)
class Adapted:
    """An adapted network and what was done to get it (numbers and lists, ready for JSON).

    halfway is the network after half of the steps, where there were steps: the guard looks at it.
    """

    network: MitosisNetwork
    account: dict[str, Any] = field(default_factory=dict)
    halfway: MitosisNetwork | None = None


class Adapt(Protocol):
    """The training part of an arm.

    It changes the network it is given (a fresh copy of the shipped one) by activations (n, …) of
    the image's candidates at the bank's cut.
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


@dataclass(frozen=True)
class Arm:
    """A way of adapting.

    Attributes:
        adapt: changes the network; None where it stays as it is.
        change_pixels: what is done to the image (height, width, 3) uint8 before its patches are
            cut for the adapted network; None for nothing.
        calibrates: whether the scores are calibrated (model/adaptation/calibration.py).
    """

    adapt: Adapt | None = None
    change_pixels: Callable[[np.ndarray], np.ndarray] | None = None
    calibrates: bool = False
