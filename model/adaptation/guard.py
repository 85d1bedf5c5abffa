"""Takes an adaptation back that has broken the detector."""

from __future__ import annotations

import math

import torch

from model.classification import mitosis_probabilities
from model.network import MitosisNetwork
from model.precision import Precision
from model.source_bank import SourceBank

# Balanced accuracy on the bank's held-back entries may fall by this much.
MAX_ACCURACY_LOSS = 0.05
# Candidates are 0.1 to 0.5 % mitotic (measured on whole fields); a share called mitotic that
# grows past this one is the collapse in which one class is aligned with the other.
MAX_MITOTIC_SHARE = 0.10
DIVERGED = "adaptation diverged: losses or probabilities are not finite"


def balanced_accuracy(network: MitosisNetwork, bank: SourceBank, precision: Precision) -> float:
    """Mean accuracy over the classes among the bank's held-back entries; NaN without any."""
    held = torch.nonzero(bank.check).flatten()
    values = bank.values[held] if bank.cut == 0 else bank.activations(held)
    mitotic = bank.mitotic[held].cpu() == 1
    called = mitosis_probabilities(network, values, bank.cut, precision) >= 0.5
    accuracies = [(called == mitotic)[mitotic == kind].float().mean() for kind in mitotic.unique()]
    return float(sum(accuracies) / len(accuracies)) if accuracies else math.nan


def reason_to_fall_back(
    before: MitosisNetwork,
    after: MitosisNetwork,
    probabilities_before: torch.Tensor,
    probabilities_after: torch.Tensor,
    bank: SourceBank,
    precision: Precision,
) -> str | None:
    """Why the adapted network must not be used, in words; None if it may be."""
    if not torch.isfinite(probabilities_after).all():
        return DIVERGED
    shares = [float((p >= 0.5).float().mean()) for p in (probabilities_before, probabilities_after)]
    if shares[1] > MAX_MITOTIC_SHARE and shares[1] > 2 * shares[0]:
        return (
            f"adaptation collapsed: {shares[1]:.0%} of the candidates were called mitotic, "
            f"{shares[0]:.0%} before"
        )
    accuracy = [balanced_accuracy(n, bank, precision) for n in (before, after)]
    if accuracy[0] - accuracy[1] > MAX_ACCURACY_LOSS:
        return (
            f"adaptation hurt the source: balanced accuracy on the bank's held-back entries fell "
            f"from {accuracy[0]:.2f} to {accuracy[1]:.2f}"
        )
    return None
