"""The blue ratio of pixels, by which candidates are found (paper, section 2.1)."""

from __future__ import annotations

from typing import Literal

import numpy as np

Ratio = Literal["simple", "full"]
# Colours that tissue lacks: ink, and marks drawn on the pixels. On 92 fields blue exceeds the
# larger of red and green by up to 105; on slides A00 to A03 and in the unseen laboratory the ratios
# reach 2.1 and 730.
MAX_BLUE_EXCESS = 107
MAX_RATIO: dict[Ratio, float] = {"simple": 5.0, "full": 1000.0}


def blue_ratio(pixels: np.ndarray, ratio: Ratio) -> np.ndarray:
    """Blue ratio of (height, width, 3) uint8 RGB, as (height, width) float32.

    Black pixels, where the simple form divides by zero, count as R + G = 1.
    """
    red_green = pixels[..., 0].astype(np.float32)
    red_green += pixels[..., 1]
    blue = pixels[..., 2].astype(np.float32)
    if ratio == "simple":
        np.maximum(red_green, 1.0, out=red_green)
        blue /= red_green
        return blue
    red_green += 1.0
    total = red_green + blue
    red_green *= total
    blue *= 25600.0
    blue /= red_green
    return blue


def tissue_ratio(pixels: np.ndarray, ratio: Ratio) -> np.ndarray:
    """The blue ratio, and 0 where the colour is none of tissue.

    A small mark that the map of the tissue does not show would else raise the threshold of the
    whole image, and be a candidate itself.
    """
    values = blue_ratio(pixels, ratio)
    others = np.maximum(pixels[..., 0], pixels[..., 1])
    inked = pixels[..., 2] > np.minimum(others, 255 - MAX_BLUE_EXCESS) + MAX_BLUE_EXCESS
    values[inked | (values > MAX_RATIO[ratio])] = 0.0
    return values
