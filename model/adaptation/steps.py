"""The steps of an adaptation: taken in time, watched, and told in the account."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import torch

from model.adaptation.base import AdaptationSettings
from model.network import MitosisNetwork

CURVE_POINTS = 50  # length of the loss curves kept in the account

Batch = TypeVar("Batch")


class Taken(NamedTuple):
    """What the steps left.

    Attributes:
        account: steps, planned_steps, diverged, drift and curve.
        halfway: the network after half of the planned steps, for the guard; None where it did not
            come so far.
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
    mean = [p.detach().clone() for p in parameters]
    curve: list[dict[str, float]] = []
    halfway = None
    for number, batch in enumerate(batches, start=1):
        if settings.deadline is not None and time.monotonic() > settings.deadline:
            break
        curve.append(step(batch))
        if not all(map(math.isfinite, curve[-1].values())):
            break
        with torch.no_grad():
            torch._foreach_lerp_(mean, [p.detach() for p in parameters], 1 - average)
        if number == (len(batches) + 1) // 2 < len(batches):
            halfway = _with_parameters(copy.deepcopy(network), mean)
        if settings.on_step is not None:
            settings.on_step(number, len(batches))
    _with_parameters(network, mean)
    account = {
        "planned_steps": len(batches),
        "steps": len(curve),
        "diverged": bool(curve) and not all(map(math.isfinite, curve[-1].values())),
        "drift": relative_change(before, parameters),
        "curve": _thinned(curve),
    }
    return Taken(account, halfway)


def relative_change(before: Sequence[torch.Tensor], after: Sequence[torch.Tensor]) -> float | None:
    """Length of the change of some tensors over their length before; None if not finite."""
    change = sum(float((a.detach() - b).square().sum()) for a, b in zip(after, before, strict=True))
    length = sum(float(b.square().sum()) for b in before)
    drift = float((change / max(length, 1e-12)) ** 0.5)
    return drift if math.isfinite(drift) else None


def _with_parameters(network: MitosisNetwork, values: list[torch.Tensor]) -> MitosisNetwork:
    """The network, its trained parameters replaced; in evaluation mode."""
    with torch.no_grad():
        for parameter, value in zip(
            (p for p in network.parameters() if p.requires_grad), values, strict=True
        ):
            parameter.copy_(value)
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
