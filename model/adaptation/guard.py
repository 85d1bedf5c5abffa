"""The guard: adapt or abstain, decided without labels and explained.

"No adaptation" is a candidate like any other: an adaptation is used only where every check passes.
Each check is one number with a limit. experiments/LOG.md has what was measured of adaptations to
slides A00-A02 that lost average precision, and of others; these commands print it:

    python -m experiments.ablation FIELDS OUT --only 'A0[0-2]*' --schedule short --unguarded
    python -m experiments.guard_limits FIELDS OUT
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from model.adaptation.base import Adapted
from model.adaptation.calibration import Calibration, shifted
from model.adaptation.record import Check
from model.network import MitosisNetwork
from model.precision import Precision
from model.scoring import Scores, mitosis_probabilities, score_all_views, score_one_view
from model.source_bank import SourceBank
from model.target import Target

# Fewer candidates say too little about a scanner; a field of 0.09 mm² has some 130.
MIN_CANDIDATES = 64
# Balanced accuracy on the bank's held-back entries may fall by this much: on A00-A02 harmful
# adaptations lost 0.02 to 0.07, others at most 0.01, batch norm in training mode set apart.
MAX_ACCURACY_LOSS = 0.02
# Candidates are 0.1 to 0.5 % mitotic (measured on whole fields); a share called mitotic that
# grows past this one is the collapse in which one class is aligned with the other.
MAX_MITOTIC_SHARE = 0.10
# The shifts estimated from two halves of the candidates may differ by this much.
MAX_HALVES_DIFFERENCE = 2.0
# Bootstrap standard error of the shift: on A00-A02, pieces of them and left-out domains it was at
# most 0.63.
MAX_SHIFT_ERROR = 1.0
# Where nothing calibrates the scores of an adapted network, no more may reach the threshold than
# the share that is mitotic in any tissue measured, twice as many as before, or so few.
MAX_PRIOR, FEW = 0.005, 2

DIVERGED = Check(
    name="finite",
    value=None,
    limit=0.0,
    passed=False,
    words="adaptation diverged: losses or probabilities are not finite",
)


class Evidence(NamedTuple):
    """What the guard knows about an adapted network.

    Attributes:
        accuracy: balanced accuracy on the bank's held-back entries, before and after.
        threshold: probability from which a detection is a mitotic figure; None where the scores
            are calibrated next, whose own check judges their level.
        before, after: (n,) probabilities of the candidates by the shipped and the adapted network.
    """

    accuracy: tuple[float, float]
    threshold: float | None
    before: np.ndarray
    after: np.ndarray


class Guard:
    """Judges an adapted network, and scores the candidates with it if it passes."""

    def __init__(
        self,
        network: MitosisNetwork,
        bank: SourceBank | None,
        threshold: float | None,
        enforced: bool = True,
    ) -> None:
        """Prepare to judge.

        Args:
            network: the shipped one.
            bank: its held-back entries are classified before and after; None where no network
                is adapted.
            threshold: see Evidence.
            enforced: whether a failed check has consequences; only experiments do without.
        """
        self._network = network
        self._bank = bank
        self._threshold = threshold
        self._enforced = enforced

    def scores(
        self, adapted: Adapted, target: Target, before: Scores
    ) -> tuple[np.ndarray, list[Check]]:
        """Probabilities (n,) by the adapted network and its checks.

        Where a check failed, they are those before.

        The checks need one view; the other seven are not computed for a network that is rejected.
        """
        if adapted.record.get("diverged"):
            return before.probabilities, [DIVERGED]
        one_view = score_one_view(adapted.network, target)
        networks = (self._network, adapted.network)
        assert self._bank is not None
        first, second = (balanced_accuracy(n, self._bank, target.precision) for n in networks)
        evidence = Evidence((first, second), self._threshold, before.one_view, one_view)
        checks = check_network(evidence)
        if self.reason_to_abstain(checks):
            return before.probabilities, checks
        return score_all_views(adapted.network, target, one_view), checks

    def calibrated(
        self, probabilities: np.ndarray, calibration: Calibration
    ) -> tuple[np.ndarray, float, list[Check]]:
        """Calibrated probabilities (n,), n > 0, the shift of their log odds, and its checks.

        Where a check failed, the probabilities stay and the shift is 0.
        """
        checks = check_calibration(calibration, probabilities)
        if self.reason_to_abstain(checks):
            return probabilities, 0.0, checks
        shift = calibration.shift(probabilities)
        return shifted(probabilities, shift) if shift else probabilities, round(shift, 4), checks

    def reason_to_abstain(self, checks: Sequence[Check]) -> str | None:
        """Which checks failed, in words; None where their result has no consequences."""
        if self._enforced or DIVERGED in checks:  # a network that diverged cannot be used
            return failures(checks)
        return None


def check_network(evidence: Evidence) -> list[Check]:
    """The checks of an adapted network."""
    if not np.isfinite(evidence.after).all():
        return [DIVERGED]
    checks = [
        _check_candidates(len(evidence.after)),
        _has_not_grown("share_mitotic", evidence, 0.5, MAX_MITOTIC_SHARE, "more mitotic than not"),
        _check_accuracy(*evidence.accuracy),
    ]
    if evidence.threshold is not None:
        most = max(MAX_PRIOR, FEW / max(len(evidence.after), 1))
        where = "at the threshold"
        checks.append(
            _has_not_grown("share_at_threshold", evidence, evidence.threshold, most, where)
        )
    return checks


def _check_candidates(count: int) -> Check:
    return Check(
        name="candidates",
        value=count,
        limit=MIN_CANDIDATES,
        passed=count >= MIN_CANDIDATES,
        words=f"{count} candidates"
        if count >= MIN_CANDIDATES
        else f"too few candidates: {count} of at least {MIN_CANDIDATES}",
    )


def _check_accuracy(before: float, after: float) -> Check:
    what = "balanced accuracy on the bank's held-back entries"
    return _at_most(
        "accuracy_loss",
        None if math.isnan(before - after) else before - after,
        MAX_ACCURACY_LOSS,
        f"{what} {after:.2f}, {before:.2f} before",
        f"adaptation hurt the source: {what} fell from {before:.2f} to {after:.2f}",
    )


def check_calibration(calibration: Calibration, probabilities: np.ndarray) -> list[Check]:
    """The checks of a shift of the scores (n,), n > 0: it must not depend on a few candidates."""
    order = np.random.default_rng(0).permutation(len(probabilities))
    halves = [calibration.shift(probabilities[half]) for half in np.array_split(order, 2)]
    difference = abs(halves[0] - halves[1])
    error = calibration.standard_error(probabilities)
    return [
        _at_most(
            "shift_error",
            error,
            MAX_SHIFT_ERROR,
            f"the shift has a standard error of {error:.2f}",
            f"scores not calibrated: their shift is uncertain (standard error {error:.1f})",
        ),
        _at_most(
            "halves",
            difference,
            MAX_HALVES_DIFFERENCE,
            f"the shifts of two halves of the candidates differ by {difference:.2f}",
            "scores not calibrated: two halves of the candidates give shifts of "
            f"{halves[0]:+.1f} and {halves[1]:+.1f}",
        ),
    ]


def failures(checks: Sequence[Check]) -> str | None:
    """What failed, in words; None where everything passed."""
    return "; ".join(check.words for check in checks if not check.passed) or None


def decision(of_network: Sequence[Check], of_shift: Sequence[Check]) -> str | None:
    """What was decided about network and scores, in words; None where neither was to change."""
    parts = []
    for checks, yes, no in (
        (of_network, "the network was adapted", "the network was left as it is"),
        (of_shift, "the scores were calibrated", "the scores were left as they are"),
    ):
        reason = failures(checks)
        found = reason or "; ".join(check.words for check in checks)
        parts += [f"{no if reason else yes} ({found})"] if checks else []
    return ", ".join(parts) or None


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
    rounded = None if value is None else round(value, 5)
    words = fine if passed else failed
    return Check(name=name, value=rounded, limit=limit, passed=passed, words=words)
