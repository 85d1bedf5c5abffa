"""The schedule's defaults are the paper's, and every arm keeps the same promise."""

from __future__ import annotations

import inspect

import pytest

from model.adaptation.base import Adapt, AdaptationSettings
from model.adaptation.registry import ARMS


def test_defaults_are_the_paper_s() -> None:
    settings = AdaptationSettings()
    assert (settings.epochs, settings.learning_rate, settings.batch_size) == (5, 1.7e-6, 128)
    assert settings.max_steps is None and settings.deadline is None


@pytest.mark.parametrize("name", ARMS)
def test_arms_are_called_alike(name: str) -> None:
    adapt = ARMS[name].adapt
    if adapt is None:
        assert name == "none" or ARMS[name].calibrates
        return
    names = list(inspect.signature(adapt).parameters)
    assert names == list(inspect.signature(Adapt.__call__).parameters)[1:]
