"""Square patches around candidates, the network's input."""

from __future__ import annotations

import numpy as np
import torch

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
        before, after = size // 2, size - size // 2
        margin = (before, after)
        padded = np.pad(pixels, (margin, margin, (0, 0)), mode="symmetric")
        self._windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(0, 1))

    def cut(self, centres: np.ndarray) -> torch.Tensor:
        """Patches (n, size, size, 3) uint8 around centres (n, 2) x, y in px inside the image.

        Centres are rounded to whole pixels; a centre becomes pixel size // 2 of its patch.
        """
        x, y = np.rint(centres).astype(np.int64).reshape(-1, 2).T
        return torch.from_numpy(np.ascontiguousarray(self._windows[y, x].transpose(0, 2, 3, 1)))


def normalise(patches: torch.Tensor) -> torch.Tensor:
    """(n, height, width, 3) uint8 patches as (n, 3, height, width) float32, channels last.

    Scaled to 0..1, then shifted and scaled by ImageNet's channel statistics.
    """
    mean = torch.tensor(CHANNEL_MEAN, device=patches.device) * 255
    std = torch.tensor(CHANNEL_STD, device=patches.device) * 255
    return ((patches.to(torch.float32) - mean) / std).permute(0, 3, 1, 2)
