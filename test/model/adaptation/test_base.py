"""The schedule's defaults are the paper's."""

from __future__ import annotations

from model.adaptation.base import AdaptationSettings


def test_defaults_are_the_paper_s() -> None:
    settings = AdaptationSettings()
    assert (settings.epochs, settings.learning_rate, settings.batch_size) == (5, 1.7e-6, 128)
    assert settings.max_steps is None and settings.deadline is None
