"""Step 1 of the paper: candidate mitotic figures by thresholding a blue ratio image.

The blue ratio accentuates the nuclear dye. Its regions above mean + k standard deviations are the
candidates; each is handed on by the centroid of its pixels.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from skimage.measure import label

STRIPE_ROWS = 256  # rows at a time, or as many as keep a stripe in the cache
STRIPE_PIXELS = 1 << 17
Ratio = Literal["simple", "full"]


@dataclass(frozen=True)
class CandidateSettings:
    """How candidates are found.

    Attributes:
        ratio: "simple", B/(R+G), of the paper (section 2.1), or "full",
            100*B/(1+R+G) * 256/(1+R+G+B), of its reference (Chang et al. 2012).
        deviations: the threshold is the mean plus this many standard deviations of the image.
        block: side in px of the squares that are averaged before thresholding; 1 is none.
        min_area: smallest region kept, in px.
        max_side: largest width and height of a region kept, in px.
    """

    ratio: Ratio = "full"
    deviations: float = 1.0
    block: int = 2
    min_area: int = 32
    max_side: int = 80

    @property
    def bytes_per_pixel(self) -> float:
        """Memory of find_candidates for a pixel: blue ratio, whether it is above, its region."""
        return (4 + 1 + 4) / self.block**2


# The paper's numbers: section 3.
PAPER = CandidateSettings("simple", deviations=3.0, block=1, min_area=2, max_side=50)
# Chosen on slides A00-A02 of `fields_a`: all 102 annotated figures lie within 7.5 µm of a
# candidate, at 2,630 candidates a field of 2084x2084 px. `python -m experiments.candidate_search`
# prints the grid. Averaging blocks of 2x2 px replaces smoothing and quarters the work.
DEFAULT = CandidateSettings()
SETTINGS: dict[str, CandidateSettings] = {"default": DEFAULT, "paper": PAPER}


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


def find_candidates(
    pixels: np.ndarray, settings: CandidateSettings = DEFAULT, threads: int = 2
) -> np.ndarray:
    """Centres of candidate regions.

    Args:
        pixels: (height, width, 3) uint8 RGB.
        settings: ratio, threshold and limits of size.
        threads: number of stripes worked on at once; the result does not depend on it.

    Returns:
        (n, 2) float32 x, y in px (a whole number is the centre of a pixel), from top to bottom.
    """
    block = settings.block
    if min(pixels.shape[:2]) < block:
        return np.zeros((0, 2), np.float32)
    centres, area, side = _measure(
        label(_above_threshold(pixels, settings, threads), connectivity=2)
    )
    kept = (area * block**2 >= settings.min_area) & (side * block <= settings.max_side)
    return (centres[kept] * block + (block - 1) / 2).astype(np.float32)


def _above_threshold(pixels: np.ndarray, settings: CandidateSettings, threads: int) -> np.ndarray:
    """(height // block, width // block) bool: where the blue ratio is over its threshold."""
    block = settings.block
    height, width = pixels.shape[0] // block, pixels.shape[1] // block
    image = np.empty((height, width), np.float32)
    stripe_rows = min(STRIPE_ROWS, max(STRIPE_PIXELS // (width * block**2), 1))
    starts = range(0, height, stripe_rows)
    sums = np.zeros((len(starts), 2))

    def fill(index: int) -> None:
        rows = slice(starts[index], min(starts[index] + stripe_rows, height))
        stripe = pixels[rows.start * block : rows.stop * block, : width * block]
        values = _block_mean(blue_ratio(stripe, settings.ratio), block)
        image[rows] = values
        sums[index] = values.sum(dtype=np.float64), np.square(values).sum(dtype=np.float64)

    with ThreadPoolExecutor(max_workers=max(threads, 1)) as pool:
        list(pool.map(fill, range(len(starts))))
    mean, square = sums.sum(axis=0) / image.size
    deviation = np.sqrt(max(square - mean**2, 0.0))
    return np.asarray(image > np.float32(mean + settings.deviations * deviation))


def _block_mean(values: np.ndarray, block: int) -> np.ndarray:
    """Mean of squares of block x block px, (height // block, width // block) float32."""
    if block == 1:
        return values
    rows = np.add.reduce([values[i::block] for i in range(block)])
    squares = np.add.reduce([rows[:, i::block] for i in range(block)])
    return np.asarray(squares / np.float32(block**2), dtype=np.float32)


def _measure(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centroid (n, 2) x, y, area (n,) and longer side of the bounding box (n,) of each label.

    Stripe by stripe: the places of all foreground pixels of a large image would take more memory
    than the image. Sums of whole numbers are exact, so the result does not depend on the stripes.
    """
    count = int(labels.max(initial=0))
    area = np.zeros(count, np.int64)
    sums = np.zeros((2, count), np.int64)
    low, high = np.full((2, count), max(labels.shape)), np.zeros((2, count), np.int64)
    for top in range(0, len(labels), STRIPE_ROWS):
        stripe = labels[top : top + STRIPE_ROWS]
        foreground = np.flatnonzero(stripe)
        if foreground.size == 0:
            continue
        region = stripe.ravel()[foreground] - 1
        order = np.argsort(region, kind="stable")
        region = region[order]
        starts = np.flatnonzero(np.diff(region, prepend=-1))
        here = region[starts]  # each label of the stripe, once
        y, x = np.divmod(foreground[order], labels.shape[1])
        area[here] += np.diff(starts, append=len(order))
        for axis, values in enumerate((x, y + top)):
            sums[axis, here] += np.add.reduceat(values, starts)
            low[axis, here] = np.minimum(low[axis, here], np.minimum.reduceat(values, starts))
            high[axis, here] = np.maximum(high[axis, here], np.maximum.reduceat(values, starts))
    return (sums / np.maximum(area, 1)).T, area, (high - low + 1).max(axis=0)
