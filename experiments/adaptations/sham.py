"""A control: all that the paper's adaptation does at a learning rate of 0.

No weight moves. Batch norm in training mode still measures the statistics of source and target
mixed, so that the difference to `paper` is what its gradients do, and the difference to `none`
what its batch norm does.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from model.adaptation.adversarial import adapt_by_gradient_reversal
from model.adaptation.base import AdaptationSettings, Adapted
from model.network import MitosisNetwork
from model.source_bank import SourceBank


def adapt(
    network: MitosisNetwork, target: torch.Tensor, bank: SourceBank, settings: AdaptationSettings
) -> Adapted:
    """Adapt as `paper` does, without moving a weight."""
    still = replace(settings, learning_rate=0.0)
    return adapt_by_gradient_reversal(network, target, bank, still, batch_norm="training")
