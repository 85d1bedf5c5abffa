"""The guard: adapt or abstain, decided without labels and explained.

"No adaptation" is a candidate like any other: an adaptation is used only where every check passes.
Each check is one number with a limit. docs/adaptation.md has what was measured of adaptations to
slides A00-A02 that lost average precision, and of others; these commands print it:

    python -m experiments.ablation FIELDS OUT --only 'A0[0-2]*' --schedule short --unguarded
    python -m experiments.guard_limits FIELDS OUT
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from model.adaptation.calibration import Calibration, log_odds
from model.network import MitosisNetwork
from model.precision import Precision
from model.scoring import mitosis_probabilities
from model.source_bank import SourceBank

# Fewer candidates than this say little of a scanner; a field of 0.09 mm² has some 130.
MIN_CANDIDATES = 64
# Balanced accuracy on the bank's held-back entries may fall by this much: on A00-A02 harmful
# adaptations lost 0.02 to 0.07, others at most 0.01, batch norm in training mode set apart.
MAX_ACCURACY_LOSS = 0.02
# Length of the change of the adapted weights over their length.
MAX_DRIFT = 0.05
# Candidates are 0.1 to 0.5 % mitotic (measured on whole fields); a share called mitotic that
# grows past this one is the collapse in which one class is aligned with the other.
MAX_MITOTIC_SHARE = 0.10
# Of the candidates that score highest, how many still do. A shift of all scores changes nothing
# here; a network that has forgotten what a mitotic figure is does.
TOP_SHARE, FEWEST_TOP = 0.01, 10
MIN_OVERLAP = 0.5
# The same between the networks after half and after all of the steps.
MIN_AGREEMENT = 0.5
# A larger shift of the log odds than any seen on slides and virtual scanners (4.5, on a much darker
# stain): the image is of another kind, and its scores are left alone.
MAX_SHIFT = 6.0
# The shifts that two halves of the candidates ask for may differ by this much.
MAX_HALVES_DIFFERENCE = 2.0
# Share of the candidates that are called mitotic after calibration: ten times what is usual.
MAX_CALLED_SHARE = 0.03
# Where nothing calibrates the scores of an adapted network, no more may reach the threshold than
# the share that is mitotic in any tissue measured, twice as many as before, or so few.
MAX_PRIOR, FEW = 0.005, 2


class Check(NamedTuple):
    """One of the guard's questions.

    Attributes:
        name: as in `result.json`.
        value: what was measured; None where it could not be, which passes.
        limit: of the value.
        passed: whether the adaptation may be used as far as this goes.
        words: what was found.
    """

    name: str
    value: float | None
    limit: float
    passed: bool
    words: str


DIVERGED = Check(
    "finite", None, 0.0, False, "adaptation diverged: losses or probabilities are not finite"
)


class Evidence(NamedTuple):
    """What the guard looks at of an adapted network.

    Attributes:
        accuracy: balanced accuracy on the bank's held-back entries, before and after.
        drift: of the adapted weights; None where the arm trains none.
        threshold: probability from which a detection is a mitotic figure; None where the scores
            are calibrated next, whose own check judges their level.
        before, after: (n,) probabilities of the candidates by the shipped and the adapted network.
        halfway: the same after half of the steps; None where there is no such network.
    """

    accuracy: tuple[float, float]
    drift: float | None
    threshold: float | None
    before: np.ndarray
    after: np.ndarray
    halfway: np.ndarray | None = None


def check_network(evidence: Evidence) -> list[Check]:
    """The checks of an adapted network."""
    before, after = evidence.before, evidence.after
    if not np.isfinite(after).all():
        return [DIVERGED]
    loss = evidence.accuracy[0] - evidence.accuracy[1]
    checks = [
        _at_least(
            "candidates",
            len(after),
            MIN_CANDIDATES,
            f"{len(after)} candidates",
            f"too few candidates: {len(after)} of at least {MIN_CANDIDATES}",
        ),
        _has_not_grown("share_mitotic", evidence, 0.5, MAX_MITOTIC_SHARE, "more mitotic than not"),
        _at_most(
            "accuracy_loss",
            None if math.isnan(loss) else loss,
            MAX_ACCURACY_LOSS,
            f"balanced accuracy on the bank's held-back entries {evidence.accuracy[1]:.2f}, "
            f"{evidence.accuracy[0]:.2f} before",
            "adaptation hurt the source: balanced accuracy on the bank's held-back entries fell "
            f"from {evidence.accuracy[0]:.2f} to {evidence.accuracy[1]:.2f}",
        ),
        _at_least(
            "overlap",
            same := overlap(before, after),
            MIN_OVERLAP,
            f"{same:.0%} of the highest candidates stayed the highest",
            f"adaptation changed the predictions: {same:.0%} of the highest candidates stayed "
            "the highest",
        ),
    ]
    if evidence.threshold is not None:
        most = max(MAX_PRIOR, FEW / max(len(after), 1))
        what = "at the threshold"
        checks.append(
            _has_not_grown("share_at_threshold", evidence, evidence.threshold, most, what)
        )
    if evidence.drift is not None:
        words = f"the weights moved by {evidence.drift:.2%} of their length"
        checks.append(_at_most("drift", evidence.drift, MAX_DRIFT, words, f"too far: {words}"))
    if evidence.halfway is not None:
        agreement = overlap(evidence.halfway, after)
        words = f"the first half of the steps has {agreement:.0%} of the highest candidates"
        checks.append(
            _at_least("agreement", agreement, MIN_AGREEMENT, words, f"not settled: {words}")
        )
    return checks


def check_calibration(
    calibration: Calibration, probabilities: np.ndarray, threshold: float
) -> list[Check]:
    """The checks of a shift of the scores (n,), n > 0, which is an adaptation too."""
    shift = calibration.shift(probabilities)
    order = np.random.default_rng(0).permutation(len(probabilities))
    halves = [calibration.shift(probabilities[half]) for half in np.array_split(order, 2)]
    difference = abs(halves[0] - halves[1])
    called = float((log_odds(probabilities) + shift >= log_odds(threshold)).mean())
    return [
        _at_most(
            "shift",
            abs(shift),
            MAX_SHIFT,
            f"log odds shifted by {shift:+.2f}",
            f"scores not calibrated: a shift of {shift:+.1f} in log odds is more than the "
            f"{MAX_SHIFT:g} that slides and scanners differ by",
        ),
        _at_most(
            "halves",
            difference,
            MAX_HALVES_DIFFERENCE,
            f"two halves of the candidates differ by {difference:.2f} in it",
            f"scores not calibrated: two halves of the candidates ask for shifts of "
            f"{halves[0]:+.1f} and {halves[1]:+.1f}",
        ),
        _at_most(
            "share_called",
            called,
            MAX_CALLED_SHARE,
            f"{called:.2%} of the candidates called mitotic after it",
            f"scores not calibrated: {called:.0%} of the candidates would be called mitotic",
        ),
    ]


def reason_to_abstain(checks: Sequence[Check]) -> str | None:
    """What failed, in words; None where everything passed."""
    return "; ".join(check.words for check in checks if not check.passed) or None


def decision(of_network: Sequence[Check], of_shift: Sequence[Check]) -> str:
    """What the guard made of network and scores, each of which adapts or abstains, in words."""
    parts = []
    for checks, yes, no in (
        (of_network, "the network was adapted", "the network was left as it is"),
        (of_shift, "the scores were calibrated", "the scores were left as they are"),
    ):
        reason = reason_to_abstain(checks)
        found = reason or "; ".join(check.words for check in checks)
        parts += [f"{no if reason else yes} ({found})"] if checks else []
    return ", ".join(parts)


def told(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """The checks for `result.json`."""
    return [
        check._asdict() | {"value": None if check.value is None else round(float(check.value), 5)}
        for check in checks
    ]


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Share that the highest candidates of two scores (n,) have in common; 1 without any."""
    count = min(max(round(TOP_SHARE * len(first)), FEWEST_TOP), len(first))
    if count == 0:
        return 1.0
    highest = [set(np.argsort(-p, kind="stable")[:count].tolist()) for p in (first, second)]
    return len(highest[0] & highest[1]) / count


def balanced_accuracy(network: MitosisNetwork, bank: SourceBank, precision: Precision) -> float:
    """Mean accuracy over the classes among the bank's held-back entries; NaN without any."""
    held = torch.nonzero(bank.check).flatten()
    values = bank.values[held] if bank.cut == 0 else bank.activations(held)
    mitotic = bank.mitotic[held].cpu() == 1
    called = mitosis_probabilities(network, values, bank.cut, precision) >= 0.5
    accuracies = [(called == mitotic)[mitotic == kind].float().mean() for kind in mitotic.unique()]
    return float(sum(accuracies) / len(accuracies)) if accuracies else math.nan


def _has_not_grown(name: str, evidence: Evidence, level: float, most: float, what: str) -> Check:
    """The share of probabilities from a level on: at most `most`, or twice what it was."""
    before, after = (
        float((p >= level).mean()) if len(p) else 0.0 for p in (evidence.before, evidence.after)
    )
    words = f"{after:.1%} of the candidates {what}, {before:.1%} before"
    return _at_most(name, after, max(most, 2 * before), words, f"adaptation collapsed: {words}")


def _at_most(name: str, value: float | None, limit: float, fine: str, failed: str) -> Check:
    passed = value is None or value <= limit
    return Check(name, value, limit, passed, fine if passed else failed)


def _at_least(name: str, value: float, limit: float, fine: str, failed: str) -> Check:
    return Check(name, value, limit, value >= limit, fine if value >= limit else failed)
