"""Gradient reversal with matched priors: each loss sees what it should, and the step is exact."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from model.activations import activations_below
from model.adaptation import matched
from model.adaptation.base import AdaptationSettings, Adapted
from model.adaptation.diagnostics import features_of
from model.adaptation.optimiser import Adam
from model.network import MitosisNetwork
from test.model.builders import some_patches, tiny_bank, tiny_network

CANDIDATES = 40
SETTINGS = AdaptationSettings(
    epochs=1, learning_rate=1e-3, batch_size=16, max_steps=3, reversal_weight=0.5
)


def candidates(network: MitosisNetwork, cut: int = 3) -> torch.Tensor:
    return activations_below(network, some_patches(CANDIDATES, seed=9), cut, "fp32").clone()


def adapt(**changes: Any) -> tuple[Adapted, MitosisNetwork]:
    """The adapted network, and the network before."""
    network = tiny_network()
    before = copy.deepcopy(network)
    target = candidates(network)
    return matched.adapt(network, target, tiny_bank(network), replace(SETTINGS, **changes)), before


def test_batches_hold_what_each_loss_needs() -> None:
    bank = tiny_bank(tiny_network(), entries=80)
    batches = matched.draw_batches(bank, CANDIDATES, replace(SETTINGS, max_steps=50))
    assert len(batches) == math.ceil((60 + CANDIDATES) / 16)
    for batch in batches:
        assert (len(batch.negatives), len(batch.candidates), len(batch.labelled)) == (8, 8, 8)
        assert not bank.check[torch.cat([batch.negatives, batch.labelled])].any()
        assert bank.mitotic[batch.negatives].sum() == 0
        assert bank.mitotic[batch.labelled].tolist() == 4 * [1] + 4 * [0]
        assert batch.candidates.max() < CANDIDATES
    drawn = torch.cat([batch.labelled for batch in batches])
    assert bank.reserve[drawn].any(), "the class loss uses the reserve"
    other = matched.draw_batches(bank, CANDIDATES, replace(SETTINGS, seed=1))
    assert not torch.equal(batches[0].candidates, other[0].candidates)


@pytest.mark.parametrize(("most", "steps"), [(2, 2), (100, 8), (None, 8)])
def test_steps_of_the_schedule(most: int | None, steps: int) -> None:
    settings = replace(SETTINGS, epochs=2, max_steps=most)
    assert matched.planned_steps(24, CANDIDATES, settings) == steps


def test_step_is_adam_s_on_class_loss_minus_weighted_domain_loss() -> None:
    """The trunk's gradient by hand: that of the class loss minus lambda times the domain's."""
    network = tiny_network()
    bank, target = tiny_bank(network), candidates(network)
    (index, *_) = matched.draw_batches(bank, CANDIDATES, SETTINGS)
    network.train_above(3, batch_norm=False)
    features = [
        network.features(inputs, 3)
        for inputs in (
            bank.activations(index.negatives),
            target[index.candidates],
            bank.activations(index.labelled),
        )
    ]
    mitosis = cross_entropy(network.mitosis(features[2]), bank.mitotic[index.labelled])
    logits = network.scanner(torch.cat(features[:2]))
    odds = torch.log(logits.softmax(1)[:, -1] / logits.softmax(1)[:, :-1].sum(1))
    domain = binary_cross_entropy_with_logits(odds, torch.tensor(8 * [0.0] + 8 * [1.0]))
    trunk = list(network.trunk.layer4.parameters())
    of_class = torch.autograd.grad(mitosis, trunk, retain_graph=True)
    of_domain = torch.autograd.grad(domain, trunk)
    expected = [m - 0.5 * d for m, d in zip(of_class, of_domain, strict=True)]
    before = [parameter.detach().clone() for parameter in trunk]
    batch = matched.load_batch(bank, target, index)
    optimiser = Adam(network.trained_parameters(), 1e-3)
    losses = matched.reversal_step(network, optimiser, batch, 3, SETTINGS)
    for parameter, old, gradient in zip(trunk, before, expected, strict=True):
        clear = gradient.abs() > 1e-5  # Adam's first step is the gradient's sign: mind rounding
        step = (parameter.detach() - old)[clear]
        torch.testing.assert_close(step, -1e-3 * gradient[clear].sign(), rtol=0.01, atol=1e-6)
    assert losses[:2].tolist() == pytest.approx([mitosis.item(), domain.item()], abs=1e-4)


def test_fitted_branch_recognises_the_image_and_only_it_changes() -> None:
    network = tiny_network()
    bank, target = tiny_bank(network), candidates(network) + 1.0
    network.train_above(3, batch_norm=False)
    before = copy.deepcopy(network)
    found = matched.fit_scanner_branch(network, target, bank, SETTINGS)
    assert found > 0.95
    values = torch.cat([bank.activations(matched.negative_entries(bank)), target])
    odds = matched.target_log_odds(network, features_of(network, values, 3, "fp32"))
    right = (odds > 0) == (torch.arange(len(values)) >= len(values) - CANDIDATES)
    assert float(right.float().mean()) == pytest.approx(found, abs=1e-4)
    changed = {
        name.split(".")[0]
        for name, value in network.state_dict().items()
        if not torch.equal(value, before.state_dict()[name])
    }
    assert changed == {"scanner"}


def test_only_weights_above_the_cut_change() -> None:
    adapted, before = adapt()
    changed = {
        name for name, value in adapted.network.state_dict().items()
        if not torch.equal(value, before.state_dict()[name])
    }  # fmt: skip
    assert changed and all(n.startswith(("trunk.layer4", "mitosis", "scanner")) for n in changed)
    assert not any("running" in name for name in changed)
    assert not any(module.training for module in adapted.network.modules())


def test_control_differs_by_the_reversed_gradient_only() -> None:
    """At weight 0 the labels of the domains have no effect on the trunk."""
    with_it, without = (adapt(reversal_weight=weight)[0] for weight in (0.5, 0.0))
    assert with_it.record["steps"] == without.record["steps"] == 3
    assert with_it.record["scanner_accuracy_fitted"] == without.record["scanner_accuracy_fitted"]
    name = "trunk.layer4.0.conv1.weight"
    assert not torch.equal(with_it.network.state_dict()[name], without.network.state_dict()[name])
    network = tiny_network()
    bank, target = tiny_bank(network), candidates(network)
    moved = matched.adapt(network, target + 5.0, bank, replace(SETTINGS, reversal_weight=0.0))
    assert torch.equal(moved.network.state_dict()[name], without.network.state_dict()[name])


def test_seed_decides_all() -> None:
    first, again, other = (adapt(seed=seed)[0] for seed in (1, 1, 2))
    states = [adapted.network.state_dict()["mitosis.0.weight"] for adapted in (first, again, other)]
    assert torch.equal(states[0], states[1]) and not torch.equal(states[0], states[2])


def test_rate_of_zero_changes_nothing() -> None:
    adapted, before = adapt(learning_rate=0.0)
    for name, value in adapted.network.state_dict().items():
        assert torch.equal(value, before.state_dict()[name]), name


def test_bank_without_figures_has_no_class_loss_of_them() -> None:
    network = tiny_network()
    bank = replace(tiny_bank(network), mitotic=torch.zeros(24, dtype=torch.int64))
    adapted = matched.adapt(network, candidates(network), bank, SETTINGS)
    assert adapted.record["steps"] == 3 and not adapted.record["diverged"]
