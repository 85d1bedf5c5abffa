"""What a patch looks like on another scanner: geometry, stain, sharpness, noise, compression.

All steps work on a whole batch of (n, 3, size, size) float32 tensors in 0..255, on any device; the
random numbers come from a generator of that device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn.functional import affine_grid, conv2d, grid_sample, pad
from torchvision.io import decode_jpeg, encode_jpeg

from model.patches import PATCH_SIZE
from training import jpeg

JPEG_QUALITY = (40, 96)  # from, below
# Optical density of hematoxylin, eosin and the rest (Ruifrok and Johnston 2001).
STAINS = torch.tensor([[0.650, 0.704, 0.286], [0.072, 0.990, 0.105], [0.268, 0.570, 0.776]])
BLUR = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0  # binomial, about 1 px standard deviation


@dataclass(frozen=True)
class Augmentation:
    """Strengths. Factors f are drawn log-uniformly from 1/f..f; the others up to the value.

    Attributes:
        scale: factor of size.
        shift: standard deviation in px of a candidate's centre about its figure.
        stain: factor of each stain's concentration.
        colour: standard deviation of the mixing of the colour channels, in optical density.
        background: largest shift of optical density (illumination, white balance).
        sharpness: largest share of the blurred image taken away (blur) or put on (sharpening).
        noise: largest standard deviation in grey levels.
        jpeg: share of patches that are compressed, at quality 40 to 95.
    """

    scale: float = 1.35
    shift: float = 3.0
    stain: float = 1.5
    colour: float = 0.05
    background: float = 0.08
    sharpness: float = 0.9
    noise: float = 6.0
    jpeg: float = 0.3


def augment(
    windows: torch.Tensor, strength: Augmentation, generator: torch.Generator
) -> torch.Tensor:
    """Patches (n, PATCH_SIZE, PATCH_SIZE, 3) uint8 out of windows (n, side, side, 3) uint8.

    Args:
        windows: on the generator's device.
        strength: of each step.
        generator: of the random numbers.
    """
    images = windows.permute(0, 3, 1, 2).to(torch.float32)
    images = _warp(images, strength, generator)
    images = _stain(images, strength, generator)
    images = _sharpness(images, strength, generator)
    sigma = strength.noise * torch.rand(
        len(images), 1, 1, 1, generator=generator, device=generator.device
    )
    images = images + sigma * torch.randn(
        images.shape, generator=generator, device=generator.device
    )
    patches = images.round().clamp(0, 255).to(torch.uint8)
    return _compress(patches, strength, generator).permute(0, 2, 3, 1)


def _uniform(generator: torch.Generator, *shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=generator, device=generator.device)


def _normal(generator: torch.Generator, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=generator, device=generator.device)


def _factor(count: int, largest: float, generator: torch.Generator) -> torch.Tensor:
    """(count,) factors, log-uniform in 1/largest..largest."""
    return torch.exp((2 * _uniform(generator, count) - 1) * math.log(largest))


def _warp(images: torch.Tensor, strength: Augmentation, generator: torch.Generator) -> torch.Tensor:
    """Rotate, flip, scale and shift about the centre, and crop to PATCH_SIZE."""
    count, _, side, _ = images.shape
    angle = 2 * math.pi * _uniform(generator, count)
    size = _factor(count, strength.scale, generator) * PATCH_SIZE / side
    mirror = torch.randint(0, 2, (count,), generator=generator, device=generator.device) * 2.0 - 1.0
    shift = _normal(generator, count, 2) * strength.shift * 2 / side
    cosine, sine = size * torch.cos(angle), size * torch.sin(angle)
    rows = [
        torch.stack([cosine * mirror, -sine, shift[:, 0]], dim=1),
        torch.stack([sine * mirror, cosine, shift[:, 1]], dim=1),
    ]
    grid = affine_grid(
        torch.stack(rows, dim=1), [count, 3, PATCH_SIZE, PATCH_SIZE], align_corners=False
    )
    return grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _stain(
    images: torch.Tensor, strength: Augmentation, generator: torch.Generator
) -> torch.Tensor:
    """Scale the stains and mix the channels in optical density (Tellez et al. 2018)."""
    count = len(images)
    factors = _factor(3 * count, strength.stain, generator).view(count, 3, 1)
    stains, inverse = (m.to(images.device) for m in (STAINS, torch.linalg.inv(STAINS)))
    mixing = inverse @ (factors * stains)
    mixing = mixing + strength.colour * torch.randn(
        count, 3, 3, generator=generator, device=generator.device
    )
    shift = strength.background * (2 * _uniform(generator, count, 1, 3) - 1)
    density = -torch.log((images.flatten(2).transpose(1, 2) + 1) / 256)
    density = density @ mixing + shift
    return (256 * torch.exp(-density) - 1).transpose(1, 2).reshape(images.shape)


def _sharpness(
    images: torch.Tensor, strength: Augmentation, generator: torch.Generator
) -> torch.Tensor:
    """Blur (towards the binomial mean) or sharpen (away from it)."""
    kernel = torch.outer(BLUR, BLUR).expand(3, 1, 5, 5).to(images.device)
    blurred = conv2d(pad(images, (2, 2, 2, 2), mode="reflect"), kernel, groups=3)
    amount = 2 * _uniform(generator, len(images), 1, 1, 1) - 1
    return images + strength.sharpness * amount * (images - blurred)


def _compress(
    patches: torch.Tensor, strength: Augmentation, generator: torch.Generator
) -> torch.Tensor:
    """JPEG at a random quality, for a share of the patches: libjpeg's on the CPU."""
    count, device = len(patches), generator.device
    chosen = _uniform(generator, count) < strength.jpeg
    quality = torch.randint(*JPEG_QUALITY, (count,), generator=generator, device=device)
    if device.type != "cpu":
        return torch.where(chosen.view(-1, 1, 1, 1), jpeg.compress(patches, quality), patches)
    for index in torch.nonzero(chosen).flatten().tolist():
        patches[index] = decode_jpeg(encode_jpeg(patches[index], int(quality[index])))
    return patches
