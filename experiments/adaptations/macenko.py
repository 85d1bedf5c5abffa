"""Stain normalisation of the image (Macenko et al. 2009): a control that leaves the network alone.

The stain vectors and concentrations of the image are found by torchstain and replaced by those of
the training data. Candidates stay where the unchanged image has them.
"""

from __future__ import annotations

import numpy as np
from torchstain.numpy.normalizers import NumpyMacenkoNormalizer

# Stain vectors (columns hematoxylin, eosin) and 99th percentiles of their concentrations in the
# training crops: python -m experiments.stain_reference
REFERENCE_STAINS = np.array([[0.5906, 0.3750], [0.5738, 0.9128], [0.5674, 0.1616]])
REFERENCE_CONCENTRATIONS = np.array([1.9765, 2.0619])
WHITE = 240.0  # transmitted light, as torchstain has it
FIT_PIXELS = 1_000_000  # of an image, on a regular grid, are enough for its stains
STAINED_DENSITY = 0.15  # least optical density of stained pixels (Macenko et al. 2009)
MIN_STAINED = 1000  # pixels, for a fit
STRIPE = 256  # rows


def normalise_stain(pixels: np.ndarray) -> np.ndarray:
    """An image (height, width, 3) uint8 RGB with the stains of the training data.

    An image without enough stained tissue for a fit is returned as it is.
    """
    flat = pixels.reshape(-1, 3)
    sample = flat[:: max(len(flat) // FIT_PIXELS, 1)]
    stained = (sample < WHITE * np.exp(-STAINED_DENSITY)).all(axis=1)
    if stained.sum() < MIN_STAINED or np.ptp(sample[stained], axis=0).max() == 0:
        return pixels
    normaliser = NumpyMacenkoNormalizer()
    normaliser.fit(sample[None], Io=WHITE, beta=STAINED_DENSITY)
    stains, concentrations = normaliser.HERef, normaliser.maxCRef
    if not (np.isfinite(stains).all() and (concentrations > 0).all()):
        return pixels
    scale = REFERENCE_CONCENTRATIONS / concentrations
    mixing = np.linalg.pinv(stains).T @ np.diag(scale) @ REFERENCE_STAINS.T
    result = np.empty_like(pixels)
    for top in range(0, len(pixels), STRIPE):
        density = -np.log((pixels[top : top + STRIPE].astype(np.float32) + 1) / WHITE)
        values = WHITE * np.exp(-density @ mixing.astype(np.float32))
        result[top : top + STRIPE] = np.clip(values, 0, 255).astype(np.uint8)
    return result
