"""The batch norm layers that an adaptation may change."""

from __future__ import annotations

from torch import nn

from model.network import MitosisNetwork


def batch_norms_above(network: MitosisNetwork, cut: int) -> list[nn.BatchNorm2d]:
    """The batch norm layers above the cut, from the input on."""
    return [
        layer
        for module in network.modules_above(cut)
        for layer in module.modules()
        if isinstance(layer, nn.BatchNorm2d)
    ]
