"""JPEG compression of a batch in tensor operations, for devices without an encoder.

Baseline JPEG (ITU-T T.81) with the tables of its annex K, chroma halved in both directions, and
libjpeg's scaling of the tables by quality. Entropy coding is lossless and left out.
"""

from __future__ import annotations

import math

import torch
from torch.nn.functional import avg_pool2d, interpolate

BLOCK = 8
_LUMINANCE = """
16 11 10 16 24 40 51 61  12 12 14 19 26 58 60 55  14 13 16 24 40 57 69 56  14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77  24 35 55 64 81 104 113 92  49 64 78 87 103 121 120 101
72 92 95 98 112 100 103 99"""
_CHROMINANCE = (
    """
17 18 24 47 99 99 99 99  18 21 26 66 99 99 99 99  24 26 56 99 99 99 99 99  47 66 99 99 99 99 99 99
"""
    + 32 * " 99"
)
LUMINANCE, CHROMINANCE = (
    torch.tensor([float(value) for value in table.split()]).view(BLOCK, BLOCK)
    for table in (_LUMINANCE, _CHROMINANCE)
)
# JFIF: Y, Cb and Cr from R, G and B; Cb and Cr are centred at 128.
TO_YCBCR = torch.tensor(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)
CENTRE = 128.0


def compress(images: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """Images (n, 3, height, width) uint8 after JPEG and back; sides are multiples of 16.

    Args:
        images: RGB.
        quality: (n,) 1 to 100.
    """
    colour = TO_YCBCR.to(images.device)
    planes = torch.einsum("ij,njhw->nihw", colour, images.float()).round()
    luma = _quantise(planes[:, :1] - CENTRE, LUMINANCE, quality).round() + CENTRE
    chroma = _quantise(avg_pool2d(planes[:, 1:], 2), CHROMINANCE, quality).round()
    chroma = interpolate(chroma, scale_factor=2.0, mode="bilinear", align_corners=False).round()
    back = torch.linalg.inv(TO_YCBCR).to(images.device)
    decoded = torch.einsum("ij,njhw->nihw", back, torch.cat([luma.clamp(0, 255), chroma], dim=1))
    return decoded.round().clamp(0, 255).to(torch.uint8)


def _quantise(planes: torch.Tensor, table: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """Round the cosine transform of each block of planes (n, c, h, w) to multiples of the table."""
    count, channels, height, width = planes.shape
    steps = scaled_table(table.to(planes.device), quality).view(count, 1, 1, 1, BLOCK, BLOCK)
    cosine = _cosine_matrix().to(planes.device)
    blocks = planes.view(count, channels, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    blocks = blocks.transpose(3, 4)
    coefficients = ((cosine @ blocks @ cosine.T) / steps).round() * steps
    return (cosine.T @ coefficients @ cosine).transpose(3, 4).reshape(planes.shape)


def scaled_table(table: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """(n, 8, 8) quantisation steps at each quality, as libjpeg scales them."""
    q = quality.to(torch.float32)
    percent = torch.where(q < 50, (5000 / q).floor(), 200 - 2 * q).view(-1, 1, 1)
    return ((table * percent + 50) / 100).floor().clamp(1, 255)


def _cosine_matrix() -> torch.Tensor:
    """(8, 8) orthonormal matrix of the discrete cosine transform, a frequency per row."""
    k, x = torch.meshgrid(torch.arange(BLOCK), torch.arange(BLOCK), indexing="ij")
    matrix = torch.cos(math.pi * (2 * x + 1) * k / (2 * BLOCK)) * math.sqrt(2 / BLOCK)
    matrix[0] /= math.sqrt(2)
    return matrix
