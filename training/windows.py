"""Windows around samples, cut on the CPU one by one or on a GPU in one gather."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch

from training.samples import Samples

SHARE_OF_MEMORY = 0.5  # of a GPU's free memory that pixels may fill


class WindowCutter(Protocol):
    """Cuts windows around samples, mirrored at their borders."""

    device: torch.device

    def cut(self, index: np.ndarray, borders: np.ndarray, side: int) -> torch.Tensor:
        """(n, side, side, 3) uint8 on the device.

        Args:
            index: (n,) which samples.
            borders: (n, 4) px to the left, right, upper and lower mirror, see `Samples.borders`.
            side: px.
        """
        ...


class ImageWindows:
    """Cuts from the images in memory or on disk, on the CPU."""

    device = torch.device("cpu")

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def cut(self, index: np.ndarray, borders: np.ndarray, side: int) -> torch.Tensor:
        """See WindowCutter."""
        window = self._samples.window
        cut = [window(int(i), b, side) for i, b in zip(index, borders, strict=True)]
        return torch.from_numpy(np.stack(cut))


class DeviceWindows:
    """Holds the pixels of all images on the device, and gathers a batch of windows at once."""

    def __init__(self, samples: Samples, device: torch.device) -> None:
        self.device = device
        pixels = [image.pixels.reshape(-1, 3) for image in samples.images]
        shapes = np.array([image.pixels.shape[:2] for image in samples.images])
        starts = np.cumsum([0, *(len(part) for part in pixels[:-1])])
        self._pixels = torch.from_numpy(np.concatenate(pixels)).to(device)
        self._places = np.rint(samples.centres).astype(np.int64)
        self._shapes, self._starts = shapes[samples.image], starts[samples.image]

    def cut(self, index: np.ndarray, borders: np.ndarray, side: int) -> torch.Tensor:
        """See WindowCutter."""
        x, y = self._places[index].T
        height, width = self._shapes[index].T
        left, right, top, bottom = borders.T
        columns = mirrored_indices(x, left, right, width, side)
        rows = mirrored_indices(y, top, bottom, height, side)
        row_starts = torch.from_numpy(self._starts[index, None] + rows * width[:, None])
        in_row = torch.from_numpy(columns).to(self.device)
        return self._pixels[row_starts.to(self.device)[:, :, None] + in_row[:, None, :]]


def window_cutter(samples: Samples, device: torch.device) -> WindowCutter:
    """On a GPU whose memory can hold the pixels, they are held and cut there."""
    if device.type != "cuda":
        return ImageWindows(samples)
    size = sum(image.pixels.size for image in samples.images)
    free, _ = torch.cuda.mem_get_info(device)
    if size > SHARE_OF_MEMORY * free:
        return ImageWindows(samples)
    return DeviceWindows(samples, device)


def mirrored_indices(
    centre: np.ndarray, before: np.ndarray, after: np.ndarray, length: np.ndarray, side: int
) -> np.ndarray:
    """(n, side) int64 indices along an axis, mirrored at the nearer of border and image edge.

    Args:
        centre: (n,) int64 px.
        before, after: (n,) px to the lower and upper mirror.
        length: (n,) px of the images.
        side: px of the windows.
    """
    low = np.maximum(centre - before, 0).astype(np.int64)[:, None]
    high = np.minimum(centre + after, length - 1).astype(np.int64)[:, None] + 1
    count = high - low
    first = centre[:, None] - side // 2 - low
    steps = np.mod(first + np.arange(side), 2 * count)
    return low + np.where(steps >= count, 2 * count - 1 - steps, steps)
