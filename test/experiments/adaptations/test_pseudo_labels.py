"""Confident candidates: which they are, that both kinds are drawn alike, and the loss on them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from experiments.adaptations import pseudo_labels
from experiments.adaptations.matched import draw_mixes
from experiments.adaptations.pseudo_labels import balanced_draw, confident_labels
from model.adaptation.base import Adapt
from model.adaptation.calibration import Calibration
from model.scoring import mitosis_probabilities
from test.experiments.adaptations.matched_setting import (
    CANDIDATES,
    SETTINGS,
    adapted_at_cut_4,
    check_arm,
    setting,
)


def middle_threshold() -> float:
    """The median of the candidates' probabilities, so that half of them are above."""
    network, target, _ = setting()
    return float(np.median(mitosis_probabilities(network, target, 4, "fp32").numpy()))


@pytest.fixture
def arm(monkeypatch: pytest.MonkeyPatch) -> Adapt:
    """The arm where any distance from the threshold is enough: random weights give small ones."""
    monkeypatch.setattr(pseudo_labels, "ABOVE", 0.0)
    monkeypatch.setattr(pseudo_labels, "BELOW", 0.0)
    return partial(pseudo_labels.adapt, threshold=middle_threshold(), calibration=None)


def test_only_the_mitosis_branch_moves_where_features_are_fixed(arm: Adapt) -> None:
    check_arm(arm, {"mitosis"})


def test_no_rate_is_no_change(arm: Adapt) -> None:
    adapted, before = adapted_at_cut_4(arm, replace(SETTINGS, learning_rate=0.0))
    for name, value in adapted.network.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_seed_decides_everything(arm: Adapt) -> None:
    first, again, other = (
        adapted_at_cut_4(arm, replace(SETTINGS, seed=seed))[0].record["curve"] for seed in (1, 1, 2)
    )
    assert first == again != other


def test_labels_count_from_the_calibrated_threshold() -> None:
    odds = np.array([-9.0, -3.1, -2.9, 0.0, 0.9, 1.1])
    probabilities = 1 / (1 + np.exp(-odds))
    assert confident_labels(probabilities, 0.5, None).tolist() == [0, 0, -1, -1, -1, 1]

    class Up(Calibration):
        def shift(self, probabilities: np.ndarray) -> float:
            return 0.5

    assert confident_labels(probabilities, 0.5, Up(0.0)).tolist() == [0, -1, -1, -1, 1, 1]


def test_few_confident_candidates_teach_nothing() -> None:
    never = partial(pseudo_labels.adapt, threshold=0.999999, calibration=None)
    adapted, before = adapted_at_cut_4(never)
    assert adapted.record == {"pseudo_mitotic": 0, "pseudo_not_mitotic": CANDIDATES}
    assert all(torch.equal(v, before[n]) for n, v in adapted.network.state_dict().items())


def test_confident_candidates_are_drawn_in_equal_numbers() -> None:
    labels = np.full(50, -1)
    labels[[3, 30]] = 1
    labels[10:27] = 0
    draw, generator = balanced_draw(labels), torch.Generator().manual_seed(0)
    draws = [draw(8, generator) for _ in range(200)]
    for index in draws:
        assert sorted(labels[index.numpy()].tolist()) == [0, 0, 0, 0, 1, 1, 1, 1]
    counts = torch.bincount(torch.cat(draws), minlength=50)
    assert counts.nonzero().flatten().tolist() == [3, *range(10, 27), 30]
    # 800 draws of each kind: 400 of each of two, 47 of each of seventeen.
    assert counts[[3, 30]].tolist() == [pytest.approx(400, abs=60)] * 2
    assert counts[10:27].tolist() == [pytest.approx(47, abs=25)] * 17


def test_first_loss_is_the_cross_entropy_of_the_shipped_network(arm: Adapt) -> None:
    network, target, bank = setting()
    p = mitosis_probabilities(network, target, 4, "fp32").numpy().astype(np.float64)
    mitotic = p > np.median(p)
    adapted, _ = adapted_at_cut_4(arm, replace(SETTINGS, max_steps=1))
    assert adapted.record["pseudo_mitotic"] == mitotic.sum() == CANDIDATES // 2
    drawn = draw_mixes(bank, CANDIDATES, SETTINGS, balanced_draw(mitotic.astype(int)))[0].target
    losses = -np.log(np.where(mitotic, p, 1 - p))
    expected = losses[drawn.numpy()].mean()
    assert adapted.record["curve"]["pseudo_label_loss"] == [pytest.approx(expected, abs=1e-4)]
