"""JPEG in tensor operations beside libjpeg."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.io import decode_jpeg, encode_jpeg

from test.rendering import render_tissue
from training import jpeg


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    pixels, _ = render_tissue((64, 192), figures=0, seed=1)
    noise = np.random.default_rng(0).normal(0, 6, pixels.shape)
    noisy = (pixels + noise).round().clip(0, 255).astype(np.uint8)
    return torch.from_numpy(np.stack(np.split(noisy, 3, axis=1))).permute(0, 3, 1, 2)


@pytest.mark.parametrize("quality", [20, 40, 60, 80, 95])
def test_compressed_images_are_those_of_libjpeg(images: torch.Tensor, quality: int) -> None:
    """libjpeg computes in integers: values on the edge of a step may fall on its other side."""
    expected = torch.stack([decode_jpeg(encode_jpeg(image, quality)) for image in images]).float()
    found = jpeg.compress(images, torch.full((3,), quality)).float()
    difference = (found - expected).abs().mean()
    changed = (expected - images.float()).abs().mean()
    assert difference < 1 and difference < changed / 3


def test_each_image_has_its_own_quality(images: torch.Tensor) -> None:
    mixed = jpeg.compress(images, torch.tensor([40, 60, 90]))
    for image, quality, found in zip(images, (40, 60, 90), mixed, strict=True):
        alone = jpeg.compress(image[None], torch.tensor([quality]))[0]
        torch.testing.assert_close(found, alone, atol=1, rtol=0)


def test_a_flat_image_stays_as_it_is() -> None:
    flat = torch.tensor([200, 120, 180], dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, 32, 32)
    torch.testing.assert_close(jpeg.compress(flat, torch.tensor([95])), flat, atol=2, rtol=0)


def test_tables_are_scaled_as_libjpeg_does() -> None:
    """First entry 16: at quality 50 as it is, at 25 doubled, at 75 halved, at 100 all ones."""
    scaled = jpeg.scaled_table(jpeg.LUMINANCE, torch.tensor([50, 25, 75, 100]))
    assert scaled[:, 0, 0].tolist() == [16, 32, 8, 1]
    assert (scaled[3] == 1).all()
