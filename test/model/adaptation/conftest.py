"""A clock for what happens in time."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from model.adaptation import pace


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time that steps are planned by; it stands still but where a test moves it."""
    clock = SimpleNamespace(now=1000.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(pace, "time", clock)
    return clock
