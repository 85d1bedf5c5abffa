"""The steps of an adaptation: taken in time, watched, and told in the account."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import torch

from model.adaptation.base import AdaptationSettings
from model.adaptation.pace import Pace
from model.network import MitosisNetwork

CURVE_POINTS = 50  # length of the loss curves kept in the account

Batch = TypeVar("Batch")


class Taken(NamedTuple):
    """What the steps left.

    Attributes:
        account: steps, planned_steps, diverged, drift and curve.
        halfway: the network after about half of the steps, for the guard; None without a step
            before the last.
    """

    account: dict[str, Any]
    halfway: MitosisNetwork | None


def take_steps(
    network: MitosisNetwork,
    batches: Sequence[Batch],
    step: Callable[[Batch], dict[str, float]],
    settings: AdaptationSettings,
    average: float = 0.0,
) -> Taken:
    """Take a step a batch, until the deadline or until a loss is not finite.

    Args:
        network: its parameters that require a gradient are those that change.
        batches: of all planned steps.
        step: takes one, and tells its losses by name.
        settings: deadline and on_step are used.
        average: decay a step of a moving average of the parameters that replaces them at the end
            (mean teacher, Tarvainen and Valpola 2017); 0 keeps the last.
    """
    parameters = [p for p in network.parameters() if p.requires_grad]
    before = [p.detach().clone() for p in parameters]
    mean = [p.detach().clone() if average else p.detach() for p in parameters]
    snapshots = _Snapshots([*mean, *network.buffers()])
    curve: list[dict[str, float]] = []
    pace = Pace(settings.deadline)
    for number, batch in enumerate(batches, start=1):
        if not pace.allows(number - 1):
            break
        curve.append(step(batch))
        if not all(map(math.isfinite, curve[-1].values())):
            break
        if average:
            torch._foreach_lerp_(mean, [p.detach() for p in parameters], 1 - average)
        snapshots.add(number)
        if settings.on_step is not None:
            settings.on_step(number, pace.planned(number, len(batches)))
    _with_values(network, mean)
    values = snapshots.halfway(len(curve))
    halfway = None if values is None else _with_values(copy.deepcopy(network), values)
    account = {
        "planned_steps": len(batches),
        "steps": len(curve),
        "diverged": bool(curve) and not all(map(math.isfinite, curve[-1].values())),
        "drift": relative_change(before, parameters),
        "curve": _thinned(curve),
    }
    return Taken(account, halfway)


class _Snapshots:
    """What some tensors were along the way: at most KEPT times, at equal distances.

    Which of them is halfway follows from the number of steps taken alone. So the guard sees the
    same of a run that its deadline ended and of one of as many steps by --max-steps.
    """

    KEPT = 8

    def __init__(self, values: Sequence[torch.Tensor]) -> None:
        """values: that change from step to step."""
        self._values = values
        self._every = 1
        self._kept: dict[int, list[torch.Tensor]] = {}

    def add(self, number: int) -> None:
        """Keep the values after a step, which is counted from 1, if it is one of those to keep."""
        if number % self._every:
            return
        self._kept[number] = [value.clone() for value in self._values]
        if len(self._kept) > self.KEPT:
            self._every *= 2
            self._kept = {n: v for n, v in self._kept.items() if n % self._every == 0}

    def halfway(self, taken: int) -> list[torch.Tensor] | None:
        """The last ones kept of the first half of the steps, and before the end."""
        numbers = [n for n in self._kept if n <= (taken + 1) // 2 and n < taken]
        return self._kept[max(numbers)] if numbers else None


def relative_change(before: Sequence[torch.Tensor], after: Sequence[torch.Tensor]) -> float | None:
    """Length of the change of some tensors over their length before; None if not finite."""
    change = sum(float((a.detach() - b).square().sum()) for a, b in zip(after, before, strict=True))
    length = sum(float(b.square().sum()) for b in before)
    drift = float((change / max(length, 1e-12)) ** 0.5)
    return drift if math.isfinite(drift) else None


def _with_values(network: MitosisNetwork, values: list[torch.Tensor]) -> MitosisNetwork:
    """The network with other trained parameters, and buffers if there are any; evaluating."""
    trained = [p for p in network.parameters() if p.requires_grad]
    with torch.no_grad():
        for tensor, value in zip([*trained, *network.buffers()], values, strict=False):
            tensor.copy_(value)
    return network.eval()


def _thinned(curve: list[dict[str, float]]) -> dict[str, Any]:
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
