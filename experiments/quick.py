"""The quick check of an ablation: minutes on a few fields, and a complaint if the default loses."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.adaptations.registry import NO_ADAPTATION
from experiments.arm_scores import ArmScore
from experiments.cases import Case
from model.adaptation.registry import DEFAULT_ADAPTATION

SLIDES = 3  # one field with figures of each of so many
ARMS = [NO_ADAPTATION, DEFAULT_ADAPTATION, "paper-frozen", "dann"]
# The default may lose this much to no adaptation, in AP and in F1: one figure of some 20.
TOLERANCE = 0.05


def few_cases(cases: Sequence[Case]) -> list[Case]:
    """One field that has figures of each of the first slides."""
    by_slide: dict[str | None, Case] = {}
    for case in cases:
        if len(case.annotated.figures):
            by_slide.setdefault(case.annotated.slide, case)
    return list(by_slide.values())[:SLIDES]


def complaints(scores: Sequence[ArmScore]) -> list[str]:
    """Where the default is worse than no adaptation, a line each."""
    (default,) = (score for score in scores if score.arm == DEFAULT_ADAPTATION)
    return [
        f"{DEFAULT_ADAPTATION} loses {-change.value:.3f} in {metric.upper()} to no adaptation"
        for metric, change in default.differences.items()
        if metric in ("ap", "f1") and change.value < -TOLERANCE
    ]
