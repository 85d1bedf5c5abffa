"""The shipped network as it is, for controls that change only the image."""

from __future__ import annotations

import torch

from model.adaptation.base import AdaptationSettings, Adapted
from model.network import MitosisNetwork
from model.source_bank import SourceBank


def adapt(
    network: MitosisNetwork, target: torch.Tensor, bank: SourceBank, settings: AdaptationSettings
) -> Adapted:
    """Leave the network as it is."""
    return Adapted(network)
