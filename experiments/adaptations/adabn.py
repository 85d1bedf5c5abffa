"""Batch norm statistics of the image instead of the source's (AdaBN, Li et al. 2016).

No weight is trained. The statistics of the layers above the cut are measured over the image's
candidates in one pass, and blended with the shipped ones:

    mean = share * target's + (1 - share) * source's, the variance likewise

A share below 1 keeps part of the source (Nado et al. 2020; Schneider et al. 2020).
"""

from __future__ import annotations

import torch
from torch import nn

from experiments.adaptations.batch_norms import batch_norms_above
from model.activations import as_input
from model.adaptation.base import AdaptationSettings, Adapted
from model.network import MitosisNetwork
from model.precision import arithmetic
from model.source_bank import SourceBank

BATCH_SIZE = 512  # candidates whose statistics are measured at once


def adapt(
    network: MitosisNetwork,
    target: torch.Tensor,
    bank: SourceBank,
    settings: AdaptationSettings,
    share: float,
) -> Adapted:
    """Move the batch norm statistics above the cut towards the image's.

    Args:
        network: changed in place.
        target: (n, …) activations at the cut of the image's candidates.
        bank: its cut is used.
        settings: its precision is used.
        share: of the image's statistics, 0 to 1.
    """
    layers = batch_norms_above(network, bank.cut)
    shipped = [_statistics(layer) for layer in layers]
    momenta = [layer.momentum for layer in layers]
    _measure(network, layers, target, bank.cut, settings)
    for layer, before, momentum in zip(layers, shipped, momenta, strict=True):
        torch._foreach_lerp_(_buffers(layer), before, 1 - share)
        layer.momentum = momentum
    return Adapted(network.eval(), {"target_share": share, "layers": len(layers)})


def _measure(
    network: MitosisNetwork,
    layers: list[nn.BatchNorm2d],
    target: torch.Tensor,
    cut: int,
    settings: AdaptationSettings,
) -> None:
    """Let the layers take the statistics of the target.

    Momentum None is a cumulative average: all batches count alike. A layer receives its input
    normalised by the batch's own statistics in the layers below, as in training.
    """
    network.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
        layer.train()
    with torch.no_grad(), arithmetic(settings.precision, network.device):
        for batch in target.tensor_split(max(-(-len(target) // BATCH_SIZE), 1)):
            inputs = as_input(batch.to(network.device), cut)
            network.features(inputs.contiguous(memory_format=torch.channels_last), cut)


def _buffers(layer: nn.BatchNorm2d) -> list[torch.Tensor]:
    assert layer.running_mean is not None and layer.running_var is not None
    return [layer.running_mean, layer.running_var]


def _statistics(layer: nn.BatchNorm2d) -> list[torch.Tensor]:
    return [buffer.clone() for buffer in _buffers(layer)]
