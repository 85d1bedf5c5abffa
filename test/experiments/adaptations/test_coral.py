"""Means and covariances are brought together."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from experiments.adaptations import coral
from experiments.adaptations.coral import moment_distances
from test.experiments.adaptations.matched_setting import (
    SETTINGS,
    adapted_at_cut_4,
    check_arm,
    setting,
)


def test_only_the_mitosis_branch_moves_where_features_are_fixed() -> None:
    check_arm(coral.adapt, {"mitosis"})


def test_no_rate_is_no_change() -> None:
    adapted, before = adapted_at_cut_4(coral.adapt, replace(SETTINGS, learning_rate=0.0))
    for name, value in adapted.network.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_seed_decides_everything() -> None:
    first, again, other = (
        adapted_at_cut_4(coral.adapt, replace(SETTINGS, seed=seed))[0].record["curve"]
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_distances_by_hand() -> None:
    first = torch.tensor([[0.0, 0.0], [2.0, 2.0]])
    second = torch.tensor([[1.0, 1.0], [1.0, 3.0]])
    means, covariance = moment_distances(first, second)
    assert float(means) == pytest.approx((0.0 + 1.0) / 2)
    # Covariances [[2, 2], [2, 2]] and [[0, 0], [0, 2]].
    assert float(covariance) == pytest.approx((4 + 4 + 4 + 0) / 4)
    assert [float(v) for v in moment_distances(first, first)] == [0.0, 0.0]
    assert float(moment_distances(first, second[:1])[1]) == 0.0


def test_moments_come_together() -> None:
    network, target, bank = setting(cut=3)
    settings = replace(SETTINGS, epochs=8, learning_rate=1e-3, batch_size=32)
    curve = coral.adapt(network, target + 0.5, bank, settings).record["curve"]
    assert curve["mean_distance"][-1] < 0.7 * curve["mean_distance"][0]
