"""A control: gradient reversal with the reversed gradient left out.

Everything else stays: bank and image, order, rate and number of steps, the class loss on the bank,
and the scanner branch, which still learns but no longer moves the features. The difference to
`gradient-reversal` is what the reversed gradient does.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from model.adaptation.base import AdaptationSettings, Adapted
from model.adaptation.registry import ADAPTATIONS
from model.network import MitosisNetwork
from model.source_bank import SourceBank


def adapt(
    network: MitosisNetwork, target: torch.Tensor, bank: SourceBank, settings: AdaptationSettings
) -> Adapted:
    """Adapt as `gradient-reversal` does, with a reversal weight of 0."""
    reversal = ADAPTATIONS["gradient-reversal"].load()
    return reversal(network, target, bank, replace(settings, reversal_weight=0.0))
