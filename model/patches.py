"""Square patches around candidates, the network's input."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch.nn.functional import interpolate

PATCH_SIZE = 64  # px, paper section 3
# Channel statistics that torchvision's ImageNet weights were trained with.
CHANNEL_MEAN = (0.485, 0.456, 0.406)
CHANNEL_STD = (0.229, 0.224, 0.225)


class PatchCutter:
    """Cuts patches out of an image, mirrored where they reach over its border."""

    def __init__(self, pixels: np.ndarray, size: int = PATCH_SIZE) -> None:
        """Prepare an image.

        Args:
            pixels: (height, width, 3) uint8 RGB, at least 1 x 1.
            size: side of a patch in px.
        """
        self._pixels = pixels
        self._size = size

    def cut(self, centres: np.ndarray) -> torch.Tensor:
        """Patches (n, size, size, 3) uint8 around centres (n, 2) x, y in px inside the image.

        Centres are rounded to whole pixels, halves up, so that a moved image gives the same
        patches; a centre becomes pixel size // 2 of its patch.
        """
        size = self._size
        rounded = np.floor(np.asarray(centres, np.float64).reshape(-1, 2) + 0.5)
        corners = rounded.astype(np.int64) - size // 2
        limit = np.array(self._pixels.shape[1::-1]) - size  # of a corner (x, y) inside
        inside = ((corners >= 0) & (corners <= limit)).all(axis=1)
        patches = np.empty((len(corners), size, size, 3), np.uint8)
        if inside.any():
            # A view of all patches: no copy of the image, which may be all that fits in memory.
            windows = sliding_window_view(self._pixels, (size, size), axis=(0, 1))
            x, y = corners[inside].T
            patches[inside] = windows[y, x].transpose(0, 2, 3, 1)
        for index in np.flatnonzero(~inside):
            x, y = corners[index]
            rows = _mirrored(np.arange(y, y + size), self._pixels.shape[0])
            columns = _mirrored(np.arange(x, x + size), self._pixels.shape[1])
            patches[index] = self._pixels[rows[:, None], columns]
        return torch.from_numpy(patches)


def _mirrored(positions: np.ndarray, length: int) -> np.ndarray:
    """Positions inside 0..length-1 that show the same as these: the border pixel is repeated."""
    period = positions % (2 * length)
    return np.asarray(np.minimum(period, 2 * length - 1 - period))


def resize(patches: torch.Tensor, size: int) -> torch.Tensor:
    """(n, side, side, 3) uint8 patches as (n, size, size, 3) uint8: bilinear, with antialiasing."""
    planes = patches.permute(0, 3, 1, 2)
    small = interpolate(planes, size=(size, size), mode="bilinear", antialias=True)
    return small.permute(0, 2, 3, 1)


def normalise(patches: torch.Tensor) -> torch.Tensor:
    """(n, height, width, 3) uint8 patches as (n, 3, height, width) float32, channels last.

    Scaled to 0..1, then shifted and scaled by ImageNet's channel statistics.
    """
    mean, std = _statistics(patches.device)
    return ((patches.to(torch.float32) - mean) / std).permute(0, 3, 1, 2)


@cache
def _statistics(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation (3,) of the channels, copied to a device once."""
    mean, std = (torch.tensor(v, device=device) * 255 for v in (CHANNEL_MEAN, CHANNEL_STD))
    return mean, std
