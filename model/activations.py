"""Activations at the cut: the layers below it do not adapt, so they run once for an image."""

from __future__ import annotations

import torch

from model.network import MitosisNetwork
from model.patches import normalise
from model.precision import Precision, arithmetic

BATCH_SIZE = 512  # patches in a forward pass


def activations_below(
    network: MitosisNetwork, patches: torch.Tensor, cut: int, precision: Precision
) -> torch.Tensor:
    """Activations at the cut of (n, 64, 64, 3) uint8 patches, on the network's device.

    Float32, or bfloat16 where that is the precision; at cut 0 the patches themselves.
    """
    if cut == 0:
        return patches
    network.eval()
    parts = []
    with torch.inference_mode(), arithmetic(precision, network.device):
        for batch in patches.split(BATCH_SIZE):
            pixels = normalise(batch.to(network.device))
            parts.append(network.below(pixels.contiguous(memory_format=torch.channels_last), cut))
    return torch.cat(parts)


def as_input(activations: torch.Tensor, cut: int) -> torch.Tensor:
    """What the layers above the cut take: float32 activations, at cut 0 the normalised patches."""
    return normalise(activations) if cut == 0 else activations.to(torch.float32)
