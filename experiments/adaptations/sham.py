"""A control: all that the paper's adaptation does, at a learning rate of 0.

No weight moves. Batch norm in training mode still measures the statistics of source and target
mixed, so the difference to `paper` is what its gradients do, and the difference to `none` what its
batch norm does.
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
    """Adapt as `paper` does, without moving a weight."""
    paper = ADAPTATIONS["paper"].load()
    return paper(network, target, bank, replace(settings, learning_rate=0.0))
