"""The steps of an adaptation: within the time budget, watched, and recorded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import torch

from model.adaptation.base import AdaptationSettings
from model.adaptation.pace import Pace
from model.network import MitosisNetwork

CURVE_POINTS = 50  # length of the loss curves in the record
# Steps whose losses are fetched from a GPU together: it works on while they are given out.
FETCHED = 20
REVERSAL_LOSSES = ("mitosis_loss", "scanner_loss", "scanner_accuracy")

Batch = TypeVar("Batch")
Losses = dict[str, float]  # of one step, by name


class Steps:
    """Hands out batches until the deadline, or until a loss is not finite.

    for batch in steps.over(batches):
        steps.add(losses of a step on the batch)
    """

    def __init__(self, network: MitosisNetwork, settings: AdaptationSettings) -> None:
        """network: its parameters that require a gradient are those that change."""
        self._settings = settings
        self._parameters = [p for p in network.parameters() if p.requires_grad]
        self._before = [p.detach().clone() for p in self._parameters]
        self._curve: list[Losses] = []
        self._waiting: list[torch.Tensor] = []
        self._planned = 0

    def over(self, batches: Sequence[Batch]) -> Iterator[Batch]:
        """The batches whose steps fit into the time."""
        self._planned = len(batches)
        pace = Pace(self._settings.deadline)
        for number, batch in enumerate(batches, start=1):
            if self.diverged or not pace.allows(number - 1):
                return
            yield batch
            if self._settings.on_step is not None and not self.diverged:
                self._settings.on_step(number, pace.planned(number, len(batches)))

    def add(self, losses: Losses | torch.Tensor) -> None:
        """Record the losses of a step: by name, or the REVERSAL_LOSSES in order on any device.

        Those on a GPU are fetched later, many steps' at once, since that waits for the steps.
        """
        if not isinstance(losses, torch.Tensor):
            self._curve.append(losses)
            return
        self._waiting.append(losses)
        if losses.device.type == "cpu" or len(self._waiting) == FETCHED:
            self._fetch()

    def _fetch(self) -> None:
        """Move the losses that wait to the curve, up to the first that are not finite."""
        values: list[list[float]] = torch.stack(self._waiting).tolist() if self._waiting else []
        self._waiting = []
        for row in values:
            if not self.diverged:
                self._curve.append(dict(zip(REVERSAL_LOSSES, row, strict=True)))

    @property
    def diverged(self) -> bool:
        """Whether a loss of the last step that was fetched is not finite."""
        return bool(self._curve) and not all(map(math.isfinite, self._curve[-1].values()))

    def record(self) -> dict[str, Any]:
        """Fields of AdaptationRecord: steps, planned_steps, diverged, drift and curve."""
        self._fetch()
        return {
            "planned_steps": self._planned,
            "steps": len(self._curve),
            "diverged": self.diverged,
            "drift": relative_change(self._before, self._parameters),
            "curve": _thinned(self._curve),
        }


def relative_change(before: Sequence[torch.Tensor], after: Sequence[torch.Tensor]) -> float | None:
    """Length of the change of some tensors over their length before; None if not finite."""
    change = sum(float((a.detach() - b).square().sum()) for a, b in zip(after, before, strict=True))
    length = sum(float(b.square().sum()) for b in before)
    drift = float((change / max(length, 1e-12)) ** 0.5)
    return drift if math.isfinite(drift) else None


def _thinned(curve: list[Losses]) -> dict[str, Any]:
    """The curve as lists by name, averaged over stretches of equal length."""
    if not curve:
        return {}
    stretch = -(-len(curve) // CURVE_POINTS)
    parts = [curve[i : i + stretch] for i in range(0, len(curve), stretch)]
    thinned: dict[str, Any] = {"steps_a_point": stretch}
    for name in curve[0]:
        means = [sum(losses[name] for losses in part) / len(part) for part in parts]
        thinned[name] = [round(mean, 5) if math.isfinite(mean) else None for mean in means]
    return thinned
