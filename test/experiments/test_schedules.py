"""The shipped schedule is kept; the paper's and its short form have their own numbers."""

from __future__ import annotations

from experiments.schedules import PAPER, SHIPPED, SHORT, paper_steps, scheduled
from model.adaptation.base import AdaptationSettings

SETTINGS = AdaptationSettings(
    epochs=2, learning_rate=1e-4, batch_size=64, max_steps=30, reversal_weight=0.3, precision="bf16"
)


def test_shipped_schedule_changes_the_seed_alone() -> None:
    found = scheduled(SHIPPED, SETTINGS, 1000, seed=4)
    assert found.seed == 4
    assert (found.epochs, found.learning_rate, found.max_steps) == (2, 1e-4, 30)


def test_paper_is_as_published() -> None:
    found = scheduled(PAPER, SETTINGS, 47_500, seed=1)
    assert (found.epochs, found.learning_rate, found.batch_size) == (5, 1.7e-6, 128)
    assert found.max_steps is None and found.seed == 1
    assert (found.reversal_weight, found.precision) == (0.3, "bf16")
    assert paper_steps(47_500) == 1860


def test_short_schedule_keeps_rate_times_steps() -> None:
    found = scheduled(SHORT, SETTINGS, 47_500)
    assert found.max_steps == 186
    assert found.learning_rate * 186 == 1.7e-5 * 186
    assert scheduled(SHORT, SETTINGS, 10).max_steps == 1
