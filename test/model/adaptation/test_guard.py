"""The guard: what it lets pass, and each reason to fall back."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
import torch

from model.adaptation.guard import balanced_accuracy, reason_to_fall_back
from model.network import MitosisNetwork
from model.source_bank import SourceBank
from test.model.builders import linear, tiny_bank, tiny_network

QUIET = torch.tensor([0.9] + 99 * [0.01])


@pytest.fixture(scope="module")
def network() -> MitosisNetwork:
    return tiny_network()


@pytest.fixture(scope="module")
def bank(network: MitosisNetwork) -> SourceBank:
    return tiny_bank(network, 4)


def leaning(network: MitosisNetwork, bias: float) -> MitosisNetwork:
    """A copy whose log odds are shifted."""
    network = copy.deepcopy(network)
    with torch.no_grad():
        linear(network.mitosis).bias.add_(torch.tensor([0.0, bias]))
    return network


def judged(
    network: MitosisNetwork, bank: SourceBank, after: torch.Tensor, before: torch.Tensor = QUIET
) -> str | None:
    return reason_to_fall_back(network, network, before, after, bank, "fp32")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_probabilities_that_are_not_finite(
    network: MitosisNetwork, bank: SourceBank, value: float
) -> None:
    after = QUIET.clone()
    after[50] = value
    assert (
        judged(network, bank, after)
        == "adaptation diverged: losses or probabilities are not finite"
    )


def share(positive: int) -> torch.Tensor:
    return torch.tensor(positive * [0.5] + (100 - positive) * [0.1])


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (0, 9, None),
        (0, 11, "adaptation collapsed: 11% of the candidates were called mitotic, 0% before"),
        (5, 11, "adaptation collapsed: 11% of the candidates were called mitotic, 5% before"),
        (6, 12, None),  # much before, not more than twice of it after
        (40, 70, None),
        (40, 0, None),
    ],
)
def test_share_of_candidates_called_mitotic(
    network: MitosisNetwork, bank: SourceBank, before: int, after: int, reason: str | None
) -> None:
    assert judged(network, bank, share(after), share(before)) == reason


def accuracy_by_hand(network: MitosisNetwork, bank: SourceBank) -> float:
    right: dict[int, list[bool]] = {0: [], 1: []}
    for number in range(len(bank)):
        if bank.check[number]:
            with torch.no_grad():
                logits = network(bank.activations(torch.tensor([number])), bank.cut).mitosis[0]
            kind = int(bank.mitotic[number])
            right[kind].append(int(logits[1] >= logits[0]) == kind)
    return sum(sum(kind) / len(kind) for kind in right.values()) / 2


@pytest.mark.parametrize("cut", [0, 3, 4])
def test_balanced_accuracy_on_what_was_held_back(network: MitosisNetwork, cut: int) -> None:
    bank = tiny_bank(network, cut)
    middle = linear(network.mitosis).bias.detach()
    for bias in (-9.0, float(middle[0] - middle[1]), 9.0):
        tilted = leaning(network, bias)
        expected = accuracy_by_hand(tilted, bank)
        assert balanced_accuracy(tilted, bank, "fp32") == pytest.approx(expected)
    assert expected == 0.5


def test_entries_that_were_adapted_with_have_no_say(
    network: MitosisNetwork, bank: SourceBank
) -> None:
    flipped = replace(bank, mitotic=torch.where(bank.check, bank.mitotic, 1 - bank.mitotic))
    tilted = leaning(network, 0.1)
    assert balanced_accuracy(tilted, flipped, "fp32") == balanced_accuracy(tilted, bank, "fp32")


def test_source_that_is_forgotten(network: MitosisNetwork, bank: SourceBank) -> None:
    """The bank's classes become what the network before calls them: it is always right."""
    with torch.no_grad():
        log_odds = network(bank.activations(torch.arange(24)), 4).mitosis @ torch.tensor(
            [-1.0, 1.0]
        )
    middle = float(log_odds[bank.check].median())
    before = leaning(network, -middle)
    known = replace(bank, mitotic=(log_odds - middle >= 0).long())
    assert balanced_accuracy(before, known, "fp32") == 1
    after = leaning(before, -9.0)
    reason = reason_to_fall_back(before, after, QUIET, QUIET, known, "fp32")
    assert reason == (
        "adaptation hurt the source: balanced accuracy on the bank's held-back entries fell "
        "from 1.00 to 0.50"
    )
    assert reason_to_fall_back(after, before, QUIET, QUIET, known, "fp32") is None


def test_held_back_entries_of_one_class_still_guard(
    network: MitosisNetwork, bank: SourceBank
) -> None:
    one = replace(bank, check=bank.mitotic == 1)
    before, after = leaning(network, 99), leaning(network, -99)
    assert balanced_accuracy(before, one, "fp32") == 1
    assert balanced_accuracy(after, one, "fp32") == 0
    reason = reason_to_fall_back(before, after, QUIET, QUIET, one, "fp32")
    assert reason is not None and reason.endswith("fell from 1.00 to 0.00")


def test_bank_that_holds_nothing_back_is_no_reason(
    network: MitosisNetwork, bank: SourceBank
) -> None:
    nothing = replace(bank, check=torch.zeros_like(bank.check))
    assert math.isnan(balanced_accuracy(network, nothing, "fp32"))
    assert reason_to_fall_back(network, leaning(network, 9), QUIET, QUIET, nothing, "fp32") is None
