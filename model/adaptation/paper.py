"""The paper's adaptation as written: batch norm in training mode over mixed batches."""

from __future__ import annotations

import torch

from model.adaptation.adversarial import adapt_by_gradient_reversal
from model.adaptation.base import AdaptationSettings, Adapted
from model.network import MitosisNetwork
from model.source_bank import SourceBank


def adapt(
    network: MitosisNetwork, target: torch.Tensor, bank: SourceBank, settings: AdaptationSettings
) -> Adapted:
    """Adapt by gradient reversal; the statistics become those of source and target mixed."""
    return adapt_by_gradient_reversal(network, target, bank, settings, batch_norm="training")
