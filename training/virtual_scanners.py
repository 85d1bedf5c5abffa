"""Virtual scanners: documented changes of an image that simulate scanners without labels.

Each maps (height, width, 3) uint8 RGB to the same shape, so that the annotations remain valid.
CHOOSING is for choosing an adaptation and its settings. REPORTING is for reporting only and must
not influence any choice.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, zoom
from skimage.color import hed2rgb, rgb2hed
from torchvision.io import decode_jpeg, encode_jpeg

Scanner = Callable[[np.ndarray], np.ndarray]

BAND = 65_488  # px; whole blocks of 16 px, below libjpeg's limit of 65,500


def restain(
    pixels: np.ndarray, hematoxylin: float = 1.0, eosin: float = 1.0, residual: float = 1.0
) -> np.ndarray:
    """Scale the concentrations of the stains (Ruifrok and Johnston 2001)."""
    concentrations = rgb2hed(pixels) * np.array([hematoxylin, eosin, residual])
    return _bytes(255 * hed2rgb(concentrations))


def expose(
    pixels: np.ndarray, gains: tuple[float, float, float] = (1.0, 1.0, 1.0), gamma: float = 1.0
) -> np.ndarray:
    """White balance by a gain a channel, then a gamma."""
    return _bytes(255 * np.clip(pixels / 255 * np.array(gains), 0, 1) ** gamma)


def focus(pixels: np.ndarray, sigma: float, amount: float) -> np.ndarray:
    """Blur (amount -1 leaves only the Gaussian of sigma px) or sharpen (amount above 0)."""
    image = pixels.astype(np.float32)
    blurred = gaussian_filter(image, (sigma, sigma, 0))
    return _bytes(image + amount * (image - blurred))


def compress(pixels: np.ndarray, quality: int) -> np.ndarray:
    """JPEG and back, in bands where the image is higher than a JPEG file can be."""
    bands = [pixels[top : top + BAND] for top in range(0, len(pixels), BAND)]
    return np.concatenate([_compress(band, quality) for band in bands])


def _compress(pixels: np.ndarray, quality: int) -> np.ndarray:
    planes = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
    return decode_jpeg(encode_jpeg(planes, quality)).permute(1, 2, 0).numpy()


def coarsen(pixels: np.ndarray, factor: float) -> np.ndarray:
    """Scan with pixels larger by a factor, then bring back to the size (linear interpolation)."""
    height, width = pixels.shape[:2]
    small = zoom(pixels, (1 / factor, 1 / factor, 1), order=1)
    back = (height / small.shape[0], width / small.shape[1], 1)
    return zoom(small, back, order=1)


def chain(*scanners: Scanner) -> Scanner:
    """One after the other."""

    def scan(pixels: np.ndarray) -> np.ndarray:
        for scanner in scanners:
            pixels = scanner(pixels)
        return pixels

    return scan


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


AS_IT_IS = "as it is"
CHOOSING: dict[str, Scanner] = {
    AS_IT_IS: lambda pixels: pixels,
    "dark stain": partial(restain, hematoxylin=1.35, eosin=1.15),
    "pink stain": partial(restain, hematoxylin=0.8, eosin=1.4),
    "warm light": partial(expose, gains=(1.05, 0.97, 0.88), gamma=1.15),
    "soft focus": partial(focus, sigma=1.5, amount=-0.85),
    "sharpened JPEG": chain(partial(focus, sigma=1.0, amount=0.8), partial(compress, quality=55)),
    "coarse pixels": partial(coarsen, factor=1.5),
}
REPORTING: dict[str, Scanner] = {
    AS_IT_IS: lambda pixels: pixels,
    "pale stain": partial(restain, hematoxylin=0.7, eosin=0.75),
    "cold light": partial(expose, gains=(0.90, 0.98, 1.04), gamma=0.88),
    "soft JPEG": chain(partial(focus, sigma=1.1, amount=-0.9), partial(compress, quality=45)),
}
