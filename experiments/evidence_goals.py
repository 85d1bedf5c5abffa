"""What must be shown of the default, as numbers beside their limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel

from experiments.adaptations.registry import NO_ADAPTATION
from experiments.evidence_arms import CONTROL_OF
from experiments.evidence_scores import ArmEvidence, Estimate, SetEvidence
from experiments.evidence_sets import A03, SELECTION, UNSEEN
from model.adaptation.registry import DEFAULT_ADAPTATION

MANY_FIGURES = 40
LEAST_LOSS = -0.02  # no interval of a difference may lie wholly below


class Goal(BaseModel):
    """A number with its limits.

    Attributes:
        name: what it is.
        must, goal: the limits in words.
        value: what was measured, in words; "-" where the sets are missing.
        met: whether the must is met; None where it is only reported or was not measured.
    """

    name: str
    must: str
    goal: str
    value: str
    met: bool | None = None


class Measured(NamedTuple):
    """What the goals are computed from.

    Attributes:
        sets: that have results.
        pooled: the left-out domains together, or None.
        large_image_seconds: of the default's adaptation on an image of 7215x5412 px, or None.
    """

    sets: Sequence[SetEvidence]
    pooled: SetEvidence | None
    large_image_seconds: float | None

    def of(self, arm: str) -> dict[str, ArmEvidence]:
        """An arm's evidence on each set that has figures, by set."""
        return {s.name: s.arms[arm] for s in self.sets if arm in s.arms and s.figures}


def goals(measured: Measured) -> list[Goal]:
    """All of them, in the order of the issue that set them."""
    return [
        _ratio(measured),
        _to_baseline(measured),
        _harm(measured),
        _reversal(measured),
        _ap(measured, A03, NO_ADAPTATION, "AP on A03 without adaptation", 0.79, ">= 0.84"),
        _ap(measured, UNSEEN, DEFAULT_ADAPTATION, "AP on the unseen lab, default", None, ">= 0.70"),
        _level(measured),
        *_cost(measured),
    ]


def _ratio(measured: Measured) -> Goal:
    found = measured.of(DEFAULT_ADAPTATION)
    ratios = [
        arm.values["f1"].value / arm.values["best_f1"].value
        for arm in found.values()
        if arm.values["f1"].value is not None and arm.values["best_f1"].value
    ]
    name = "default: F1 at the card's threshold over its best F1, mean over the sets"
    return _goal(name, ">= 0.95", ">= 0.98", _mean(ratios), lambda v: v >= 0.95)


def _to_baseline(measured: Measured) -> Goal:
    changes = [s.to_baseline["f1"].value for s in measured.sets if s.to_baseline and s.figures]
    known = [change for change in changes if change is not None]
    name = f"default against the baseline's none, F1, mean over {len(known)} sets"
    return _goal(name, ">= +0.07", ">= +0.12", _mean(known), lambda v: v >= 0.07, "+.3f")


def _harm(measured: Measured) -> Goal:
    changes = {n: a.to_none["f1"] for n, a in measured.of(DEFAULT_ADAPTATION).items() if a.to_none}
    harmed = [n for n, c in changes.items() if c.high is not None and c.high < LEAST_LOSS]
    below = [n for n, change in changes.items() if change.value is not None and change.value < 0]
    words = f"wholly below: {_names(harmed)}; means below 0: {_names(below)}" if changes else "-"
    return Goal(
        name="default against its own none, F1, each set",
        must=f"no interval wholly below {LEAST_LOSS}",
        goal="no mean below 0",
        value=words,
        met=not harmed if changes else None,
    )


def _reversal(measured: Measured) -> Goal:
    arm = DEFAULT_ADAPTATION if DEFAULT_ADAPTATION in CONTROL_OF else next(iter(CONTROL_OF))
    words = "-"
    if measured.pooled is not None and arm in measured.pooled.arms:
        changes = measured.pooled.arms[arm].to_control
        words = ", ".join(f"{m.upper()} {shown(c, '+.3f')}" for m, c in changes.items()) or "-"
    return Goal(
        name=f"{arm} against its control, left-out domains together",
        must="reported with interval",
        goal=">= +0.02 F1 or AP, interval above 0",
        value=words,
    )


def _ap(
    measured: Measured, set_name: str, arm: str, name: str, must: float | None, goal: str
) -> Goal:
    found = measured.of(arm).get(set_name)
    ap = None if found is None else found.values["ap"]
    words = "-" if ap is None else shown(ap)
    met = None if must is None or ap is None or ap.value is None else ap.value >= must
    limit = "reported" if must is None else f">= {must}"
    return Goal(name=name, must=limit, goal=goal, value=words, met=met)


def _level(measured: Measured) -> Goal:
    many = {s.name for s in measured.sets if s.figures >= MANY_FIGURES}
    odds = [
        arm.best_log_odds
        for name, arm in measured.of(DEFAULT_ADAPTATION).items()
        if name in many and arm.best_log_odds is not None
    ]
    spread = float(np.std(odds, ddof=1)) if len(odds) > 1 else None
    name = f"standard deviation of the best log odds, {len(odds)} sets of {MANY_FIGURES} figures"
    return _goal(name, "<= 0.8", "<= 0.5", spread, lambda v: v <= 0.8)


def _cost(measured: Measured) -> list[Goal]:
    fields = [
        a.seconds for n, a in measured.of(DEFAULT_ADAPTATION).items() if n in (A03, SELECTION)
    ]
    name = "seconds of the default's adaptation, "
    return [
        _goal(name + "field of 2084² px", "<= 15", "<= 5", _mean(fields), lambda v: v <= 15, ".1f"),
        _goal(
            name + "7215x5412 px",
            "<= 40",
            "<= 20",
            measured.large_image_seconds,
            lambda v: v <= 40,
            ".1f",
        ),
    ]


def shown(estimate: Estimate, form: str = ".3f") -> str:
    """A value and its interval."""
    value, low, high = estimate
    if value is None:
        return "-"
    limits = "" if low is None or high is None else f" [{low:{form[:-2]}2f}, {high:{form[:-2]}2f}]"
    return f"{value:{form}}{limits}"


def _goal(
    name: str,
    must: str,
    goal: str,
    value: float | None,
    met: Callable[[float], bool],
    form: str = ".3f",
) -> Goal:
    if value is None:
        return Goal(name=name, must=must, goal=goal, value="-")
    return Goal(name=name, must=must, goal=goal, value=f"{value:{form}}", met=met(value))


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _names(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
