"""The threshold at another share of mitotic figures."""

from __future__ import annotations

from typing import Any

import pytest

from experiments.prior_threshold import prior_threshold
from model.card import Card


def card(**values: Any) -> Card:
    return Card(
        sha256="", domains=[], threshold=0.5, reversal_weight=0.1, calibration=None, **values
    )


def trained(share: float) -> Card:
    return card(training=[{}, {"recipe": {"mixture": {"mitotic": share}}}])


def test_odds_are_scaled_by_those_of_the_shares() -> None:
    assert prior_threshold(trained(0.3), 0.3) == pytest.approx(0.5)
    # 0.3 / 0.7 over 0.002 / 0.998 is 213.9.
    assert prior_threshold(trained(0.3), 0.002) == pytest.approx(213.857 / 214.857, abs=1e-5)


def test_a_card_without_the_share_has_none() -> None:
    assert prior_threshold(card(), 0.1) is None
    assert prior_threshold(card(training=[]), 0.1) is None
