"""The paper's method (Kondo 2021) as directly as it can be written, without any optimisation.

The benchmark measures the detector against it, and tests compare the two: scikit-image for the
candidates, one patch at a time, all layers from pixels in float32. Only the definition of the
network and the scaling of pixels are shared, so both compute the same function.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import torch
from skimage.measure import label, regionprops
from torch import nn
from torch.nn.functional import cross_entropy

from model.network import MITOTIC, MitosisNetwork
from model.patches import PATCH_SIZE, normalise
from model.small_maps import SmallMapConv2d

NOT_LABELLED = -100  # cross entropy ignores examples with this label


class Source(NamedTuple):
    """Labelled patches of the source domains.

    Attributes:
        patches: (n, 64, 64, 3) uint8.
        mitotic: (n,) int64, 1 for a mitotic figure.
        domain: (n,) int64.
    """

    patches: torch.Tensor
    mitotic: torch.Tensor
    domain: torch.Tensor


def find_candidates(pixels: np.ndarray) -> np.ndarray:
    """Centres (n, 2) x, y in px of the paper's candidates (sections 2.1 and 3) in (h, w, 3) uint8.

    Pixels above the mean plus 3 standard deviations of B/(R+G); regions of at least 2 px, no side
    longer than 50 px.
    """
    red, green, blue = (pixels[..., channel].astype(float) for channel in range(3))
    ratio = blue / np.maximum(red + green, 1)  # black pixels have no ratio
    mask = ratio > ratio.mean() + 3 * ratio.std()
    centres = []
    for region in regionprops(label(mask, connectivity=2)):
        top, left, bottom, right = region.bbox
        if region.area >= 2 and bottom - top <= 50 and right - left <= 50:
            y, x = region.centroid
            centres.append((x, y))
    return np.array(centres).reshape(-1, 2)


def cut_patches(pixels: np.ndarray, centres: np.ndarray) -> torch.Tensor:
    """Patches (n, 64, 64, 3) uint8 around centres (n, 2) x, y, mirrored at the border."""
    half = PATCH_SIZE // 2
    padded = np.pad(pixels, ((half, half), (half, half), (0, 0)), mode="symmetric")
    patches = []
    for x, y in np.floor(centres.astype(float) + 0.5).astype(int):
        patches.append(torch.from_numpy(padded[y : y + PATCH_SIZE, x : x + PATCH_SIZE].copy()))
    return torch.stack(patches) if patches else torch.zeros(0, PATCH_SIZE, PATCH_SIZE, 3).byte()


def plain_network(network: MitosisNetwork) -> MitosisNetwork:
    """A copy of a network with the library's convolutions throughout, channels first."""
    plain = copy.deepcopy(network).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    for name, layer in list(plain.named_modules()):
        if isinstance(layer, SmallMapConv2d):
            sizes = (layer.kernel_size, layer.stride, layer.padding)
            channels = (layer.in_channels, layer.out_channels)
            ordinary = nn.Conv2d(*channels, *sizes, bias=False, device="meta")  # type: ignore[arg-type]
            ordinary.weight = layer.weight
            plain.set_submodule(name, ordinary)
    assert isinstance(plain, MitosisNetwork)
    return plain


def adapt(
    network: MitosisNetwork,
    source: Source,
    target: torch.Tensor,
    epochs: int = 5,
    learning_rate: float = 1.7e-6,
    batch_size: int = 128,
    reversal_weight: float = 1.0,
    batch_norm: Literal["training", "frozen"] = "training",
    seed: int = 0,
    max_steps: int | None = None,
    on_step: Callable[[int], None] | None = None,
) -> None:
    """The domain adaptation phase (section 2.2) in place, at the paper's schedule (section 3).

    Args:
        network: all of it is trained.
        source: labelled patches.
        target: (n, 64, 64, 3) uint8 patches of the image: examples of one more scanner.
        epochs, learning_rate, batch_size: of Adam.
        reversal_weight: of the reversed gradient, which the paper does not give.
        batch_norm: which the paper does not specify; "training" is the default of a plain loop.
        seed: of the order.
        max_steps: stop after so many steps.
        on_step: called after each step with their number.
    """
    device = next(network.parameters()).device
    patches = torch.cat([source.patches, target])
    mitotic = torch.cat([source.mitotic, torch.full((len(target),), NOT_LABELLED)])
    domain = torch.cat([source.domain, torch.full((len(target),), network.source_domains)])
    network.train(batch_norm == "training").requires_grad_(True)
    optimiser = torch.optim.Adam(network.parameters(), lr=learning_rate)
    generator = torch.Generator().manual_seed(seed)
    steps = 0
    for _ in range(epochs):
        for batch in torch.randperm(len(patches), generator=generator).split(batch_size):
            if steps == max_steps:
                break
            inputs = normalise(patches[batch].to(device)).contiguous()
            outputs = network(inputs, 0, reversal_weight)
            mitosis_loss = cross_entropy(
                outputs.mitosis, mitotic[batch].to(device), ignore_index=NOT_LABELLED
            )
            scanner_loss = cross_entropy(outputs.scanner, domain[batch].to(device))
            optimiser.zero_grad()
            (mitosis_loss + scanner_loss).backward()
            optimiser.step()
            steps += 1
            if on_step is not None:
                on_step(steps)
    network.eval()


def classify(network: MitosisNetwork, patches: torch.Tensor, batch_size: int = 128) -> np.ndarray:
    """Probabilities (n,) float32 of the mitotic class."""
    device = next(network.parameters()).device
    network.eval()
    parts = [np.zeros(0, np.float32)]
    with torch.no_grad():
        for batch in patches.split(batch_size):
            logits = network(normalise(batch.to(device)).contiguous()).mitosis
            parts.append(logits.softmax(dim=1)[:, MITOTIC].cpu().numpy())
    return np.concatenate(parts)
