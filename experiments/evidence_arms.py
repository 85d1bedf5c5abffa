"""The arms of the evidence, and the trials of each."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.adaptations.registry import CONTROL, NO_ADAPTATION
from experiments.arms import Trial, trials
from experiments.schedules import PAPER, SHIPPED
from model.adaptation.registry import DEFAULT_ADAPTATION

UNCALIBRATED_CONTROL = f"{CONTROL}-uncalibrated"
# The control of an arm takes the same steps at a reversal weight of 0.
CONTROL_OF = {"gradient-reversal": CONTROL, "paper-frozen": UNCALIBRATED_CONTROL}
EVIDENCE_ARMS = tuple(
    dict.fromkeys(
        (
            *(NO_ADAPTATION, "calibrated", UNCALIBRATED_CONTROL, CONTROL),
            *("paper-frozen", "gradient-reversal", "paper", DEFAULT_ADAPTATION),
        )
    )
)


def evidence_trials(arms: Sequence[str], seeds: Sequence[int]) -> list[Trial]:
    """Every arm with its schedule: the paper's for the paper as written, else the shipped one."""
    return [
        trial
        for arm in arms
        for trial in trials([arm], seeds, [PAPER if arm == "paper" else SHIPPED])
    ]
