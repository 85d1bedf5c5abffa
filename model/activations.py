"""Activations at the cut: the layers below it do not adapt, so they run once for an image."""

from __future__ import annotations

from functools import partial

import torch

from model.batches import in_batches
from model.network import MitosisNetwork
from model.patches import normalise
from model.precision import Precision, arithmetic

# Patches in a forward pass. On a processor the outputs of the first layers of larger batches do not
# fit into its cache: 512 take 1.4 times as long as 128 (experiments/LOG.md).
BELOW = {"cpu": 128, "cuda": 512}
ABOVE = 1024  # activations in a forward pass of the layers above the cut


def activations_below(
    network: MitosisNetwork, patches: torch.Tensor, cut: int, precision: Precision
) -> torch.Tensor:
    """Activations at the cut of (n, 64, 64, 3) uint8 patches, on the network's device.

    Float32, or bfloat16 where that is the precision; at cut 0 the patches themselves.
    """
    if cut == 0:
        return patches
    network.eval()
    compute = partial(_below, network, cut=cut, precision=precision)
    size = BELOW[network.device.type]
    return torch.cat(in_batches(compute, patches, size, network.device))


def _below(
    network: MitosisNetwork, patches: torch.Tensor, cut: int, precision: Precision
) -> torch.Tensor:
    with torch.inference_mode(), arithmetic(precision, network.device):
        pixels = normalise(patches.to(network.device))
        return network.below(pixels.contiguous(memory_format=torch.channels_last), cut)


def as_input(activations: torch.Tensor, cut: int) -> torch.Tensor:
    """What the layers above the cut take: float32 activations, at cut 0 the normalised patches."""
    return normalise(activations) if cut == 0 else activations.to(torch.float32)
