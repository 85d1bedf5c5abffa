"""Step 2 of the paper: probabilities of candidates, in two parts divided at the cut."""

from __future__ import annotations

import torch

from model.network import MITOTIC, MitosisNetwork
from model.patches import normalise
from model.precision import Precision, arithmetic

BATCH_SIZE = 512  # patches a forward pass


def activations_below(
    network: MitosisNetwork, patches: torch.Tensor, cut: int, precision: Precision
) -> torch.Tensor:
    """Activations at the cut of (n, 64, 64, 3) uint8 patches, on the network's device.

    The layers below the cut do not adapt, so they run once an image. Float32, or bfloat16 where
    that is the precision; at cut 0 the patches themselves.
    """
    if cut == 0:
        return patches
    device = next(network.parameters()).device
    network.eval()
    parts = []
    with torch.inference_mode(), arithmetic(precision, device):
        for batch in patches.split(BATCH_SIZE):
            pixels = normalise(batch.to(device)).contiguous(memory_format=torch.channels_last)
            parts.append(network.below(pixels, cut))
    return torch.cat(parts)


def as_input(activations: torch.Tensor, cut: int) -> torch.Tensor:
    """What the layers above the cut take: at cut 0 the normalised patches."""
    return normalise(activations) if cut == 0 else activations.to(torch.float32)


def mitosis_probabilities(
    network: MitosisNetwork, activations: torch.Tensor, cut: int, precision: Precision
) -> torch.Tensor:
    """(n,) float32 probabilities of the mitotic class from activations at the cut, on the CPU."""
    device = next(network.parameters()).device
    network.eval()
    parts = [torch.zeros(0)]
    with torch.inference_mode(), arithmetic(precision, device):
        for batch in activations.split(BATCH_SIZE):
            inputs = as_input(batch.to(device), cut)
            logits = network(inputs.contiguous(memory_format=torch.channels_last), cut).mitosis
            parts.append(logits.float().softmax(dim=1)[:, MITOTIC].cpu())
    return torch.cat(parts)
