"""Adaptation at matched priors: what a step trains on, its loss, and the average that is kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch

from experiments.adaptations import matched
from experiments.adaptations.matched import Mix, adapt_matched, planned_steps
from model.adaptation.base import Adapted
from test.experiments.adaptations.matched_setting import CANDIDATES, SETTINGS, STEPS, setting
from test.model.builders import linear


def no_alignment(
    source: torch.Tensor, image: torch.Tensor, mix: Mix
) -> tuple[torch.Tensor, dict[str, float]]:
    return source.sum() * 0, {}


def drawn(epochs: int = 2) -> list[Mix]:
    """The indices of all steps."""
    network, target, bank = setting()
    seen: list[Mix] = []

    def align(
        source: torch.Tensor, image: torch.Tensor, mix: Mix
    ) -> tuple[torch.Tensor, dict[str, float]]:
        assert (len(source), len(image)) == (8, 8)
        seen.append(mix)
        return no_alignment(source, image, mix)

    adapt_matched(network, target, bank, replace(SETTINGS, epochs=epochs), align)
    return seen


def test_a_step_has_half_a_batch_of_each_and_equal_numbers_of_both_classes() -> None:
    _, _, bank = setting()
    mixes = drawn()
    assert len(mixes) == STEPS == planned_steps(15, CANDIDATES, SETTINGS)
    for mix in mixes:
        assert (len(mix.source), len(mix.target)) == (8, 8)
        assert Counter(bank.mitotic[mix.labelled].tolist()) == {0: 2, 1: 2}


def test_source_is_at_the_prior_and_the_reserve_serves_the_class_loss() -> None:
    _, _, bank = setting()
    mixes = drawn(epochs=30)
    numbers = range(len(bank))
    at_prior = {n for n in numbers if not bank.check[n] and not bank.reserve[n]}
    labelled = {n for n in numbers if not bank.check[n]}
    assert set(torch.cat([mix.source for mix in mixes]).tolist()) == at_prior
    assert set(torch.cat([mix.labelled for mix in mixes]).tolist()) == labelled
    assert set(torch.cat([mix.target for mix in mixes]).tolist()) == set(range(CANDIDATES))


def test_first_loss_is_that_of_the_shipped_network() -> None:
    network, target, bank = setting()
    labelled = drawn()[0].labelled
    with torch.no_grad():
        p = network(bank.activations(labelled), 4).mitosis.double().softmax(dim=1)
    truth = bank.mitotic[labelled]
    expected = -sum(float(p[i, truth[i]].log()) for i in range(4)) / 4
    adapted = adapt_matched(network, target, bank, replace(SETTINGS, max_steps=1), no_alignment)
    assert adapted.record["curve"]["mitosis_loss"] == [pytest.approx(expected, abs=1e-5)]


def test_average_of_the_weights_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def after(steps: int, averaging: float) -> tuple[Adapted, torch.Tensor]:
        monkeypatch.setattr(matched, "AVERAGING", averaging)
        network, target, bank = setting()
        settings = replace(SETTINGS, max_steps=steps)
        adapted = adapt_matched(network, target, bank, settings, no_alignment)
        return adapted, linear(network.mitosis).weight.detach().clone()

    start = linear(setting()[0].mitosis).weight.detach()
    first, second = (after(steps, 0.0)[1] for steps in (1, 2))
    adapted, average = after(2, 0.9)
    expected = 0.9 * (0.9 * start + 0.1 * first) + 0.1 * second
    torch.testing.assert_close(average, expected, atol=1e-7, rtol=0)
    assert 0 < adapted.record["drift"] < after(2, 0.0)[0].record["drift"]
