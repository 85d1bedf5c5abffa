"""Batch norm statistics of the image in place of the source's (AdaBN, Li et al. 2016).

No weight is trained. The statistics of the layers above the cut are measured over the image's
candidates in one pass, and blended with the shipped ones:

    mean = share * target's + (1 - share) * source's, the variance likewise

A share below 1 keeps part of the source (Nado et al. 2020; Schneider et al. 2020).
"""

from __future__ import annotations

import torch

from model.activations import BATCH_SIZE, as_input
from model.adaptation.base import AdaptationSettings, Adapted
from model.network import MitosisNetwork
from model.precision import arithmetic
from model.source_bank import SourceBank

BLEND = 0.3  # share of the target in the blended arm; FUSION (arXiv 2208.14206) fuses both likewise


def adapt(
    network: MitosisNetwork, target: torch.Tensor, bank: SourceBank, settings: AdaptationSettings
) -> Adapted:
    """Take the image's statistics alone."""
    return blend_statistics(network, target, bank.cut, settings, share=1.0)


def adapt_blended(
    network: MitosisNetwork, target: torch.Tensor, bank: SourceBank, settings: AdaptationSettings
) -> Adapted:
    """Take BLEND of the image's statistics."""
    return blend_statistics(network, target, bank.cut, settings, share=BLEND)


def blend_statistics(
    network: MitosisNetwork,
    target: torch.Tensor,
    cut: int,
    settings: AdaptationSettings,
    share: float,
) -> Adapted:
    """Move the batch norm statistics above the cut towards the image's.

    Args:
        network: changed in place.
        target: (n, …) activations at the cut of the image's candidates.
        cut: see model.network.
        settings: its precision is used.
        share: of the image's statistics, 0 to 1.
    """
    device = next(network.parameters()).device
    layers = network.batch_norms_above(cut)
    shipped = [(layer.running_mean.clone(), layer.running_var.clone()) for layer in layers]  # type: ignore[union-attr]
    momenta = [layer.momentum for layer in layers]
    # Momentum None is a cumulative average: all batches count alike. A layer sees what the layers
    # below make of the batch's own statistics, as in training.
    network.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
        layer.train()
    with torch.no_grad(), arithmetic(settings.precision, device):
        for batch in target.tensor_split(max(-(-len(target) // BATCH_SIZE), 1)):
            inputs = as_input(batch.to(device), cut)
            network.features(inputs.contiguous(memory_format=torch.channels_last), cut)
    for layer, (mean, variance), momentum in zip(layers, shipped, momenta, strict=True):
        layer.running_mean.lerp_(mean, 1 - share)  # type: ignore[union-attr]
        layer.running_var.lerp_(variance, 1 - share)  # type: ignore[union-attr]
        layer.momentum = momentum
    network.eval()
    return Adapted(network, {"steps": 0, "target_share": share, "layers": len(layers)})
