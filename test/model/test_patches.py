"""Patches: mirrored at the border like a naive loop does it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from model.patches import CHANNEL_MEAN, CHANNEL_STD, PATCH_SIZE, PatchCutter, normalise, resize


def mirrored(index: int, length: int) -> int:
    """The pixel that a position outside shows: the border pixel is repeated, then its neighbour."""
    while not 0 <= index < length:
        index = -1 - index if index < 0 else 2 * length - 1 - index
    return index


def patch_by_hand(pixels: np.ndarray, x: int, y: int, size: int) -> np.ndarray:
    patch = np.zeros((size, size, 3), np.uint8)
    for row in range(size):
        for column in range(size):
            source_y = mirrored(y - size // 2 + row, pixels.shape[0])
            source_x = mirrored(x - size // 2 + column, pixels.shape[1])
            patch[row, column] = pixels[source_y, source_x]
    return patch


@pytest.mark.parametrize("shape", [(90, 110), (64, 64), (20, 31), (1, 5), (1, 1)])
@pytest.mark.parametrize("size", [PATCH_SIZE, 7])
def test_patches_pixel_by_pixel(shape: tuple[int, int], size: int) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (*shape, 3), dtype=np.uint8)
    height, width = shape
    corners = [(0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)]
    centres = np.array([*corners, (width // 2, height // 2)])
    patches = PatchCutter(pixels, size).cut(centres)
    assert patches.dtype == torch.uint8 and patches.shape == (5, size, size, 3)
    for patch, (x, y) in zip(patches.numpy(), centres, strict=True):
        np.testing.assert_array_equal(patch, patch_by_hand(pixels, int(x), int(y), size))


def test_centres_are_rounded_and_x_comes_first() -> None:
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[40, 150] = 255
    patches = PatchCutter(pixels).cut(np.array([[150.4, 39.6]], np.float32))
    assert patches[0, 32, 32].tolist() == [255, 255, 255] and int(patches.count_nonzero()) == 3


def test_no_centre_gives_no_patch() -> None:
    patches = PatchCutter(np.zeros((8, 8, 3), np.uint8)).cut(np.zeros((0, 2), np.float32))
    assert patches.shape == (0, 64, 64, 3)


def test_resized_as_by_another_library() -> None:
    random = np.random.default_rng(3)
    patches = random.integers(0, 256, (3, 84, 84, 3), dtype=np.uint8)
    result = resize(torch.from_numpy(patches), PATCH_SIZE)
    assert result.shape == (3, 64, 64, 3) and result.dtype == torch.uint8
    for patch, small in zip(patches, result.numpy(), strict=True):
        expected = np.asarray(Image.fromarray(patch).resize((64, 64), Image.Resampling.BILINEAR))
        assert np.abs(small.astype(int) - expected).max() <= 1


def test_normalised_by_the_statistics_of_imagenet() -> None:
    patches = torch.randint(0, 256, (2, 3, 5, 3), dtype=torch.uint8)
    result = normalise(patches)
    assert result.shape == (2, 3, 3, 5) and result.dtype == torch.float32
    for channel in range(3):
        expected = (patches[..., channel] / 255 - CHANNEL_MEAN[channel]) / CHANNEL_STD[channel]
        torch.testing.assert_close(result[:, channel], expected, rtol=1e-5, atol=1e-6)
