"""Schedules of the steps: the shipped one, the paper's, and a short form of the paper's."""

from __future__ import annotations

import math
from dataclasses import replace

from model.adaptation.base import AdaptationSettings

SHIPPED, PAPER, SHORT = "shipped", "paper", "short"
SCHEDULES = (SHIPPED, PAPER, SHORT)
# Paper, section 3: epochs, rate and batch size.
EPOCHS, LEARNING_RATE, BATCH_SIZE = 5, 1.7e-6, 128
SHORTENING = 10  # the short schedule has a tenth of the steps at ten times the rate


def scheduled(
    name: str, settings: AdaptationSettings, patches: int, seed: int = 0
) -> AdaptationSettings:
    """Settings with the schedule of a name.

    Args:
        name: one of SCHEDULES.
        settings: the shipped ones.
        patches: bank entries and candidates of an epoch.
        seed: of the order.
    """
    if name == SHIPPED:
        return replace(settings, seed=seed)
    if name == PAPER:
        rate, steps = LEARNING_RATE, None
    else:
        rate = SHORTENING * LEARNING_RATE
        steps = max(round(paper_steps(patches) / SHORTENING), 1)
    return replace(
        settings,
        epochs=EPOCHS,
        learning_rate=rate,
        batch_size=BATCH_SIZE,
        max_steps=steps,
        seed=seed,
    )


def paper_steps(patches: int) -> int:
    """Steps of the paper's schedule on so many entries and candidates."""
    return EPOCHS * math.ceil(patches / BATCH_SIZE)
