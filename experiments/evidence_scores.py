"""Scores of the arms on one set of images, with paired intervals over images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel

from evaluation.annotated_image import AnnotatedImage
from evaluation.metrics import best_threshold
from evaluation.scored_image import ScoredImage
from experiments.adaptations.registry import NO_ADAPTATION
from experiments.arm_scores import measure, with_thresholds
from experiments.arms import Trial, trial_of
from experiments.evidence_arms import CONTROL_OF
from experiments.results import Row
from model.adaptation.calibration import log_odds


class Estimate(NamedTuple):
    """A value with the limits of its 95 % bootstrap interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


class ArmEvidence(BaseModel):
    """An arm on a set.

    Attributes:
        values: ap, best_f1, f1 (at the card's threshold) and density (false positives per mm²).
        to_none, to_control: paired differences of ap and f1; empty without the other arm.
        best_log_odds: of the threshold with the best F1; None without detections.
        adapted: share of images whose adaptation the guard accepted.
        seconds: mean time of an adaptation.
    """

    values: dict[str, Estimate]
    to_none: dict[str, Estimate]
    to_control: dict[str, Estimate]
    best_log_odds: float | None
    adapted: float
    seconds: float


class SetEvidence(BaseModel):
    """All arms on a set, on the images that have results of each of them.

    Attributes:
        name: of the set.
        images: number of images with results of every arm, under all virtual scanners.
        planned: number of images of the whole set.
        figures: number of mitotic figures on them.
        arms: by name.
        to_baseline: paired difference of the default's ap and f1 to the baseline's `none`.
    """

    name: str
    images: int
    planned: int
    figures: int
    arms: dict[str, ArmEvidence]
    to_baseline: dict[str, Estimate]


class ScoredRows(NamedTuple):
    """Results of a set.

    Attributes:
        raw: rows as they were kept, of the same images for every arm.
        rows: the same by annotated image.
        truth: annotated images by the name in the rows.
        threshold: of the card.
    """

    raw: list[Row]
    rows: list[Row]
    truth: dict[str, AnnotatedImage]
    threshold: float

    def images(self, arm: str) -> list[ScoredImage]:
        """The scored images of an arm, in one order for all arms, seed after seed."""
        mine = [row for row in self.rows if row["arm"] == arm]
        scored = with_thresholds(mine, self.truth, self.threshold)
        return [scored[key] for key in sorted(scored, key=lambda key: (key[2], key))]

    def seeds(self, arm: str) -> int:
        """Number of seeds of an arm."""
        return len({row["seed"] for row in self.raw if row["arm"] == arm})

    @property
    def figures(self) -> int:
        """Number of mitotic figures, counted once for all virtual scanners."""
        names = {row["image"] for row in self.rows}
        return sum(len(self.truth[name].figures) for name in names)


def complete_rows(rows: list[Row], wanted: Sequence[Trial]) -> list[Row]:
    """The rows of the wanted trials, of images that have results of all of them."""
    mine = [row for row in rows if trial_of(row) in wanted]
    by_image: dict[tuple[str, str], set[Trial]] = {}
    for row in mine:
        by_image.setdefault((row["scanner"], row["image"]), set()).add(trial_of(row))
    return [row for row in mine if len(by_image[row["scanner"], row["image"]]) == len(set(wanted))]


def score_arm(arm: str, scored: ScoredRows, others: Sequence[str]) -> ArmEvidence:
    """The evidence of one arm.

    Args:
        arm: its name.
        scored: results of all arms.
        others: the arms that have results.
    """
    images, control = scored.images(arm), CONTROL_OF.get(arm)
    rows = [row for row in scored.raw if row["arm"] == arm]
    values, _ = measure(images, [], scored.seeds(arm))
    best = best_threshold(images).threshold
    compared = arm != NO_ADAPTATION and NO_ADAPTATION in others
    return ArmEvidence(
        values={m: _estimate(values[m]) for m in ("ap", "best_f1", "f1", "density")},
        to_none=differences(scored, arm, scored, NO_ADAPTATION) if compared else {},
        to_control=differences(scored, arm, scored, control) if control in others else {},
        best_log_odds=float(log_odds(best)) if np.isfinite(best) else None,
        adapted=float(np.mean([row["adaptation"]["fallback"] is None for row in rows])),
        seconds=float(np.mean([row["seconds"]["adaptation"] for row in rows])),
    )


def differences(
    scored: ScoredRows, arm: str, reference: ScoredRows, other: str | None
) -> dict[str, Estimate]:
    """Paired differences of ap and f1 between an arm and another one on the same images.

    An arm with one seed is compared with each seed of the other.
    """
    assert other is not None
    seeds = max(scored.seeds(arm), reference.seeds(other))
    images = scored.images(arm) * (seeds // scored.seeds(arm))
    others = reference.images(other) * (seeds // reference.seeds(other))
    _, found = measure(images, others, seeds)
    return {metric: _estimate(found[metric]) for metric in ("ap", "f1")}


def _estimate(values: Sequence[float]) -> Estimate:
    return Estimate(*(round(float(v), 5) if np.isfinite(v) else None for v in values))
