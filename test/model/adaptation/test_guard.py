"""The guard: what it lets pass, and each reason to abstain."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from model.adaptation.calibration import Calibration, log_odds
from model.adaptation.guard import (
    DIVERGED,
    MAX_ACCURACY_LOSS,
    MAX_HALVES_DIFFERENCE,
    MIN_CANDIDATES,
    Evidence,
    Guard,
    balanced_accuracy,
    check_calibration,
    check_network,
    decision,
    failures,
)
from model.adaptation.record import Check
from model.network import MitosisNetwork
from model.source_bank import SourceBank
from test.model.builders import linear, tiny_bank, tiny_network

QUIET = np.linspace(0.001, 0.2, 1000)
FINE = Evidence((0.9, 0.9), 0.95, QUIET, QUIET)


def failed(checks: list[Check]) -> list[str]:
    return [check.name for check in checks if not check.passed]


def test_nothing_changed_is_fine() -> None:
    checks = check_network(FINE)
    assert failed(checks) == [] and failures(checks) is None
    assert [check.name for check in checks] == [
        "candidates",
        "share_mitotic",
        "accuracy_loss",
        "share_at_threshold",
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_probabilities_that_are_not_finite(value: float) -> None:
    after = QUIET.copy()
    after[50] = value
    assert check_network(FINE._replace(after=after)) == [DIVERGED]
    assert failures([DIVERGED]) == ("adaptation diverged: losses or probabilities are not finite")


def share(positive: int, probability: float = 0.5) -> np.ndarray:
    return np.array(positive * [probability] + (100 - positive) * [0.1])


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (0, 9, None),
        (0, 11, "adaptation collapsed: 11.0% of the candidates more mitotic than not, 0.0% before"),
        (5, 11, "adaptation collapsed: 11.0% of the candidates more mitotic than not, 5.0% before"),
        (6, 12, None),  # much before, not more than twice of it after
        (40, 70, None),
        (40, 0, None),
    ],
)
def test_share_of_candidates_called_mitotic(before: int, after: int, reason: str | None) -> None:
    evidence = FINE._replace(before=share(before), after=share(after))
    assert failures(check_network(evidence)) == reason


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (0, 2, None),  # a few may be right
        (0, 3, "adaptation collapsed: 3.0% of the candidates at the threshold, 0.0% before"),
        (2, 4, None),
        (2, 5, "adaptation collapsed: 5.0% of the candidates at the threshold, 2.0% before"),
        (8, 0, None),
    ],
)
def test_share_of_candidates_at_the_threshold(before: int, after: int, reason: str | None) -> None:
    scores = share(after, 0.96)
    evidence = FINE._replace(before=share(before, 0.96), after=scores)
    assert failures(check_network(evidence)) == reason
    calibrated_next = evidence._replace(threshold=None)
    assert failed(check_network(calibrated_next)) == []


def test_share_at_the_threshold_of_many_candidates() -> None:
    """Of a thousand candidates five are the most that any tissue has shown."""
    for after, expected in ((5, []), (6, ["share_at_threshold"])):
        scores = np.concatenate([QUIET[:-after], np.full(after, 0.96)])
        assert failed(check_network(FINE._replace(after=scores))) == expected


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"accuracy": (0.9, 0.9 - MAX_ACCURACY_LOSS - 0.01)}, "accuracy_loss"),
        (dict.fromkeys(("before", "after"), QUIET[: MIN_CANDIDATES - 1]), "candidates"),
    ],
)
def test_each_limit_alone_makes_it_abstain(change: dict[str, object], name: str) -> None:
    checks = check_network(FINE._replace(**change))  # type: ignore[arg-type]
    assert failed(checks) == [name]
    (check,) = (check for check in checks if not check.passed)
    assert check.words == failures(checks)


def test_what_cannot_be_measured_passes() -> None:
    evidence = FINE._replace(accuracy=(math.nan, math.nan))
    checks = check_network(evidence)
    assert failed(checks) == []
    assert {c.name: c.value for c in checks}["accuracy_loss"] is None


def test_network_and_scores_are_decided_apart() -> None:
    fine = check_network(FINE)
    shift = check_calibration(CALIBRATION, candidates(1.0))
    text = str(decision(fine, shift))
    assert text.startswith("the network was adapted (1000 candidates; ")
    assert ", the scores were calibrated (the shift has a standard error of 0.0" in text
    refused = str(decision([DIVERGED], shift))
    assert refused.startswith("the network was left as it is (adaptation diverged")
    assert "the scores were calibrated" in refused
    assert str(decision([], shift)).startswith("the scores were calibrated (")
    assert decision([], []) is None


# ---------------------------------------------------------------------------------- calibration

CALIBRATION = Calibration(reference=-1.5)


def candidates(level: float, count: int = 4000, spread: float = 1.0) -> np.ndarray:
    odds = np.random.default_rng(1).normal(-8, spread, count)
    odds += level - np.quantile(odds, 0.99)
    return (1 / (1 + np.exp(-odds))).astype(np.float32)


def test_shift_of_halves_that_agree() -> None:
    guard = Guard(tiny_network(), None, None)
    scores = candidates(1.0)
    calibrated, shift, checks = guard.calibrated(scores, CALIBRATION)
    assert [check.name for check in checks] == ["shift_error", "halves"] and failed(checks) == []
    assert shift == pytest.approx(-2.5 * 4000 / 4500, abs=0.01)
    np.testing.assert_allclose(log_odds(calibrated), log_odds(scores) + shift, atol=2e-3)


def test_halves_that_do_not_agree() -> None:
    """Two values far apart at the quantile: which one it is depends on the half."""
    odds = np.full(2000, -14.0)
    odds[:20] = 2 * MAX_HALVES_DIFFERENCE
    checks = check_calibration(CALIBRATION, 1 / (1 + np.exp(-odds)))
    assert "halves" in failed(checks)


def test_shift_that_is_unreliable_is_not_applied() -> None:
    odds = np.full(2000, -14.0)
    odds[:20] = 2 * MAX_HALVES_DIFFERENCE
    scores = 1 / (1 + np.exp(-odds))
    network = tiny_network()
    kept, shift, checks = Guard(network, None, None).calibrated(scores, CALIBRATION)
    assert kept is scores and shift == 0.0 and "halves" in failed(checks)
    moved, shift, _ = Guard(network, None, None, enforced=False).calibrated(scores, CALIBRATION)
    assert shift != 0.0 and (moved != scores).any()


# ------------------------------------------------------------------------------ held-back entries


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
    both = tuple(balanced_accuracy(n, known, "fp32") for n in (before, leaning(before, -9.0)))
    assert both == (1.0, 0.5)
    assert failures(check_network(FINE._replace(accuracy=both))) == (
        "adaptation hurt the source: balanced accuracy on the bank's held-back entries fell "
        "from 1.00 to 0.50"
    )
    assert failed(check_network(FINE._replace(accuracy=both[::-1]))) == []


def test_held_back_entries_of_one_class_still_guard(
    network: MitosisNetwork, bank: SourceBank
) -> None:
    one = replace(bank, check=bank.mitotic == 1)
    assert balanced_accuracy(leaning(network, 99), one, "fp32") == 1
    assert balanced_accuracy(leaning(network, -99), one, "fp32") == 0


def test_bank_that_holds_nothing_back_has_no_accuracy(
    network: MitosisNetwork, bank: SourceBank
) -> None:
    nothing = replace(bank, check=torch.zeros_like(bank.check))
    assert math.isnan(balanced_accuracy(network, nothing, "fp32"))
