"""The arms at matched priors: what they train on, what they move, and that no step is no change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from experiments.adaptations import coral, dann, matched, pseudo_labels
from experiments.adaptations.coral import moment_distances
from experiments.adaptations.matched import Mix, adapt_matched, at_prior, features_of, planned_steps
from model.activations import activations_below
from model.adaptation.base import Adapt, AdaptationSettings, Adapted
from model.adaptation.calibration import Calibration
from model.network import MitosisNetwork
from model.scoring import mitosis_probabilities
from model.source_bank import SourceBank
from test.model.builders import some_patches, tiny_bank, tiny_network

SETTINGS = AdaptationSettings(epochs=2, learning_rate=1e-3, batch_size=16, reversal_weight=0.5)
CANDIDATES = 20


def setting(cut: int = 4) -> tuple[MitosisNetwork, torch.Tensor, SourceBank]:
    network = tiny_network()
    target = activations_below(network, some_patches(CANDIDATES, seed=9), cut, "fp32").clone()
    return network, target, tiny_bank(network, cut)


def middle_threshold(settings: AdaptationSettings) -> AdaptationSettings:
    """The threshold in the middle of the candidates' probabilities, so that some are confident."""
    network, target, _ = setting()
    odds = mitosis_probabilities(network, target, 4, "fp32").logit()
    return replace(settings, threshold=float(odds.median().sigmoid()))


def adapt(arm: Adapt, **changes: Any) -> tuple[Adapted, dict[str, torch.Tensor]]:
    network, target, bank = setting()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    settings = middle_threshold(replace(SETTINGS, **changes))
    return arm(network, target, bank, settings), before


@pytest.fixture(autouse=True)
def confident(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights answer nearly alike everywhere: any distance from the threshold will do."""
    monkeypatch.setattr(pseudo_labels, "ABOVE", 0.0)
    monkeypatch.setattr(pseudo_labels, "BELOW", 0.0)


ARMS = [dann.adapt, coral.adapt, pseudo_labels.adapt]


@pytest.mark.parametrize("arm", ARMS)
def test_layers_above_the_cut_move_and_statistics_stay(arm: Adapt) -> None:
    adapted, before = adapt(arm)
    changed = {
        name.split(".")[0]
        for name, value in adapted.network.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert changed == {"mitosis", "scanner"} - ({"scanner"} if arm is not dann.adapt else set())
    steps = planned_steps(15, CANDIDATES, SETTINGS)
    assert adapted.account["steps"] == adapted.account["planned_steps"] == steps == 6
    assert adapted.account["drift"] > 0 and adapted.halfway is not None
    assert not any(module.training for module in adapted.network.modules())


@pytest.mark.parametrize("arm", ARMS)
def test_no_rate_is_no_change(arm: Adapt) -> None:
    adapted, before = adapt(arm, learning_rate=0.0)
    for name, value in adapted.network.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("arm", ARMS)
def test_seed_decides_all(arm: Adapt) -> None:
    first, again, other = (adapt(arm, seed=seed)[0].account["curve"] for seed in (1, 1, 2))
    assert first == again != other


def test_source_is_at_the_prior_and_the_class_loss_balanced() -> None:
    network, target, bank = setting()
    seen: list[Mix] = []

    def pull(
        source: torch.Tensor, image: torch.Tensor, mix: Mix
    ) -> tuple[torch.Tensor, dict[str, float]]:
        seen.append(mix)
        assert (len(source), len(image)) == (8, 8)
        return source.sum() * 0, {}

    adapt_matched(network, target, bank, replace(SETTINGS, epochs=30), pull)
    entries = set(torch.cat([mix.source for mix in seen]).tolist())
    assert entries == set(at_prior(bank).tolist())
    assert not bank.check[list(entries)].any() and not bank.reserve[list(entries)].any()
    labelled = torch.cat([mix.labelled for mix in seen])
    assert not bank.check[labelled].any() and bank.reserve[labelled].any()
    assert float(bank.mitotic[labelled].float().mean()) == 0.5
    assert set(torch.cat([mix.target for mix in seen]).tolist()) == set(range(CANDIDATES))


def test_average_lags_behind_the_last_step(monkeypatch: pytest.MonkeyPatch) -> None:
    averaged, _ = adapt(coral.adapt)
    monkeypatch.setattr(matched, "AVERAGING", 0.0)
    last, _ = adapt(coral.adapt)
    assert 0 < averaged.account["drift"] < last.account["drift"]


# ------------------------------------------------------------------------------------------- dann


def test_scanner_branch_is_fitted_before_it_is_reversed() -> None:
    network, target, bank = setting()
    trunk = {n: v.clone() for n, v in network.named_parameters() if not n.startswith("scanner")}
    moved = target + 3.0  # an image unlike the bank
    features = features_of(network, moved, 4, "fp32")
    before = dann._odds_of_target(network, features).mean()
    fitted = dann._fit_scanner_branch(network, moved, bank, SETTINGS)
    assert fitted is not None and fitted > 0.9
    assert dann._odds_of_target(network, features).mean() > before + 1
    assert all(torch.equal(p, trunk[n]) for n, p in network.named_parameters() if n in trunk)


def test_odds_are_those_of_the_target_against_all_others() -> None:
    network, target, _ = setting()
    features = features_of(network, target, 4, "fp32")
    p = network.scanner(features).softmax(dim=1)[:, -1]
    torch.testing.assert_close(dann._odds_of_target(network, features), p.logit())


def test_reversal_makes_image_and_source_alike() -> None:
    """The branch as it was fitted tells them apart less well by the adapted trunk's features."""
    network = tiny_network()
    bank = tiny_bank(network, 3)
    target = activations_below(network, some_patches(CANDIDATES, seed=9), 3, "fp32") + 1.0
    settings = replace(SETTINGS, learning_rate=5e-6, batch_size=32)
    dann._fit_scanner_branch(network, target, bank, settings)

    def difference(weight: float) -> float:
        adapted = tiny_network()
        dann.adapt(adapted, target, bank, replace(settings, reversal_weight=weight))
        parts = (bank.activations(at_prior(bank)), target)
        source, image = (
            dann._odds_of_target(network, features_of(adapted, part, 3, "fp32")).mean()
            for part in parts
        )
        return float((image - source).detach())

    assert difference(1.0) < difference(0.0) - 0.01


# ------------------------------------------------------------------------------------------ coral


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
    adapted, _ = adapt_deep(coral.adapt)
    curve = adapted.account["curve"]
    assert curve["mean_distance"][-1] < 0.7 * curve["mean_distance"][0]


def adapt_deep(arm: Adapt) -> tuple[Adapted, MitosisNetwork]:
    network = tiny_network()
    bank = tiny_bank(network, 3)
    target = activations_below(network, some_patches(CANDIDATES, seed=9), 3, "fp32") + 0.5
    settings = replace(SETTINGS, epochs=8, learning_rate=1e-3, batch_size=32)
    return arm(network, target, bank, settings), network


# ---------------------------------------------------------------------------------- pseudo-labels


def test_labels_count_from_the_calibrated_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pseudo_labels, "ABOVE", 1.0)
    monkeypatch.setattr(pseudo_labels, "BELOW", 3.0)
    odds = np.array([-9.0, -3.1, -2.9, 0.0, 0.9, 1.1])
    probabilities = 1 / (1 + np.exp(-odds))
    settings = replace(SETTINGS, threshold=0.5)
    labels = pseudo_labels.confident_labels(probabilities, settings)
    assert labels.tolist() == [0, 0, -1, -1, -1, 1]

    class Up(Calibration):
        def shift(self, probabilities: np.ndarray) -> float:
            return 0.5

    settings = replace(settings, calibration=Up(0.0))
    labels = pseudo_labels.confident_labels(probabilities, settings)
    assert labels.tolist() == [0, -1, -1, -1, 1, 1]


def test_few_confident_candidates_teach_nothing() -> None:
    network, target, bank = setting()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    settings = replace(SETTINGS, threshold=0.999999)
    adapted = pseudo_labels.adapt(network, target, bank, settings)
    assert adapted.account["steps"] == 0 and adapted.account["pseudo_mitotic"] == 0
    assert all(torch.equal(v, before[n]) for n, v in adapted.network.state_dict().items())


def test_confident_candidates_are_drawn_in_equal_numbers() -> None:
    adapted, _ = adapt(pseudo_labels.adapt)
    known = adapted.account["pseudo_mitotic"] + adapted.account["pseudo_not_mitotic"]
    assert known >= CANDIDATES // 2
    assert adapted.account["curve"]["pseudo_label_loss"][0] > 0
