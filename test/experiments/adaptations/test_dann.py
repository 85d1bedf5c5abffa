"""Gradient reversal with a fitted scanner branch."""

from __future__ import annotations

from dataclasses import replace

import torch

from experiments.adaptations import dann
from model.activations import activations_below
from model.adaptation.diagnostics import features_of
from test.experiments.adaptations.matched_setting import (
    CANDIDATES,
    SETTINGS,
    adapted_at_cut_4,
    check_arm,
    setting,
)
from test.model.builders import some_patches, tiny_bank, tiny_network


def test_only_the_branches_move() -> None:
    check_arm(dann.adapt, {"mitosis", "scanner"})


def test_no_rate_is_no_change() -> None:
    adapted, before = adapted_at_cut_4(dann.adapt, replace(SETTINGS, learning_rate=0.0))
    for name, value in adapted.network.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_seed_decides_everything() -> None:
    first, again, other = (
        adapted_at_cut_4(dann.adapt, replace(SETTINGS, seed=seed))[0].record["curve"]
        for seed in (1, 1, 2)
    )
    assert first == again != other


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
    """The fitted branch separates them less well by the adapted trunk's features."""
    network = tiny_network()
    bank = tiny_bank(network, 3)
    target = activations_below(network, some_patches(CANDIDATES, seed=9), 3, "fp32") + 1.0
    settings = replace(SETTINGS, learning_rate=5e-6, batch_size=32)
    dann._fit_scanner_branch(network, target, bank, settings)

    def difference(weight: float) -> float:
        adapted = tiny_network()
        dann.adapt(adapted, target, bank, replace(settings, reversal_weight=weight))
        parts = (bank.activations(bank.entries_to_adapt_with()), target)
        source, image = (
            dann._odds_of_target(network, features_of(adapted, part, 3, "fp32")).mean()
            for part in parts
        )
        return float((image - source).detach())

    assert difference(1.0) < difference(0.0) - 0.01
