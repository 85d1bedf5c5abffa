"""The paper's adaptation with the shipped batch norm statistics."""

from __future__ import annotations

import torch

from model.adaptation.adversarial import adapt_by_gradient_reversal
from model.adaptation.base import AdaptationSettings, Adapted
from model.network import MitosisNetwork
from model.source_bank import SourceBank


def adapt(
    network: MitosisNetwork, target: torch.Tensor, bank: SourceBank, settings: AdaptationSettings
) -> Adapted:
    """Adapt by gradient reversal; only the weights move."""
    return adapt_by_gradient_reversal(network, target, bank, settings, batch_norm="frozen")
