"""Step 1 of the paper: candidate mitotic figures by thresholding a blue ratio image.

The blue ratio accentuates the nuclear dye. Its regions above mean + k standard deviations are the
candidates; each is handed on by the centroid of its pixels. Mean and standard deviation are those
of the tissue: over the whole image, as in the paper, empty glass moves the threshold, and an image
that is mostly glass loses its candidates.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, TypeVar

import numpy as np

from model.blue_ratio import Ratio, blue_ratio, tissue_ratio
from model.dense_areas import mark_dense
from model.regions import measure_regions
from slide.pixel_mask import PixelMask
from slide.resample import TRAINING_MPP
from slide.tissue import find_tissue

STRIPE_PIXELS = 1 << 17  # pixels worked on at a time: they stay in the cache
SAMPLED = 4_000_000  # pixels of tissue from which the threshold is estimated: 0.25 mm²
T = TypeVar("T")


@dataclass(frozen=True)
class CandidateSettings:
    """How candidates are found.

    Attributes:
        ratio: "simple", B/(R+G), of the paper (section 2.1), or "full",
            100*B/(1+R+G) * 256/(1+R+G+B), of its reference (Chang et al. 2012).
        deviations: the threshold is the mean plus this many standard deviations.
        peak_deviations: a region is kept if its highest blue ratio is over the mean plus this many
            standard deviations; no more than `deviations` keeps all.
        window: side in px of the moving average before thresholding; 1 is none. It moves by one
            pixel, so an image shifted by one gives the same candidates.
        min_area: smallest region kept, in px.
        max_side: largest width and height of a region kept, in px.
        over: what mean and standard deviation are of, the tissue or the whole image.
    """

    ratio: Ratio = "full"
    deviations: float = 0.9
    peak_deviations: float = 2.0
    window: int = 2
    min_area: int = 28
    max_side: int = 90
    over: Literal["tissue", "image"] = "tissue"

    # Memory of find_candidates for a pixel: its level, and its share of the runs.
    bytes_per_pixel = 4


# The paper's numbers: section 3. The literal form takes its statistics over the whole image.
PAPER = CandidateSettings("simple", 3.0, 3.0, window=1, min_area=2, max_side=50)
PAPER_LITERAL = replace(PAPER, over="image")
# Chosen on slides A00-A02 of `fields_a`: all 102 annotated figures lie within 7.5 µm of a
# candidate, at 2,648 candidates a field of 2084x2084 px. `python -m experiments.candidate_search`
# prints the grid.
DEFAULT = CandidateSettings()
SETTINGS: dict[str, CandidateSettings] = {
    "default": DEFAULT,
    "paper": PAPER,
    "paper-literal": PAPER_LITERAL,
}


class Thresholds(NamedTuple):
    """Of the blue ratio.

    Attributes:
        region: pixels above it form regions.
        peak: a region is kept if any of its pixels is above it.
    """

    region: float
    peak: float


@dataclass(frozen=True)
class Moments:
    """Of the blue ratios of windows: how many, their sum and sum of squares.

    Those of several images add up.
    """

    windows: int = 0
    total: float = 0.0
    squares: float = 0.0

    def __add__(self, other: Moments) -> Moments:
        """Moments of both together."""
        return Moments(
            self.windows + other.windows, self.total + other.total, self.squares + other.squares
        )

    def thresholds(self, settings: CandidateSettings) -> Thresholds:
        """Mean plus standard deviations; infinite without any tissue, so nothing is above."""
        if self.windows == 0:
            return Thresholds(math.inf, math.inf)
        mean = self.total / self.windows
        deviation = math.sqrt(max(self.squares / self.windows - mean**2, 0.0))
        peak = max(settings.peak_deviations, settings.deviations)
        return Thresholds(mean + settings.deviations * deviation, mean + peak * deviation)


def tissue_mask(pixels: np.ndarray, mpp: float = TRAINING_MPP, threads: int = 2) -> PixelMask:
    """Which of the pixels (height, width, 3) at mpp µm per pixel are tissue, and which excluded."""
    return PixelMask(pixels, mark_dense(find_tissue(pixels, mpp, threads)))


def blue_ratio_moments(
    pixels: np.ndarray, mask: PixelMask | None, settings: CandidateSettings, threads: int = 2
) -> Moments:
    """What the threshold follows from.

    Args:
        pixels: (height, width, 3) uint8 RGB.
        mask: the pixels that count; None for all. With twice SAMPLED pixels of tissue every second
            row is looked at, and so on.
        settings: ratio and moving average.
        threads: number of stripes worked on at once; the result does not depend on it.
    """
    window = settings.window
    step = 1 if mask is None else max(mask.map.tissue_pixels // SAMPLED, 1)

    def measure(top: int, bottom: int) -> Moments:
        rows = slice(top, bottom, step)
        values = _smoothed_ratio(pixels, rows, settings)
        if mask is not None:
            inside = _combined(np.logical_and, _lines(mask.typical, rows, window))
            values = values[inside & (values > 0)]  # 0: ink
        squares = np.square(values).sum(dtype=np.float64)
        return Moments(values.size, float(values.sum(dtype=np.float64)), float(squares))

    return sum(_by_stripe(measure, pixels, window, threads, step), start=Moments())


def find_candidates(
    pixels: np.ndarray,
    settings: CandidateSettings = DEFAULT,
    threads: int = 2,
    *,
    mask: PixelMask | None = None,
    thresholds: Thresholds | None = None,
) -> np.ndarray:
    """Centres of candidate regions.

    Args:
        pixels: (height, width, 3) uint8 RGB.
        settings: ratio, threshold and limits of size.
        threads: number of stripes worked on at once; the result does not depend on it.
        mask: tissue and what is excluded; None to find it, at the training resolution, unless the
            settings are over the whole image, which excludes nothing.
        thresholds: of the blue ratio; None to estimate them from these pixels.

    Returns:
        (n, 2) float32 x, y in px (a whole number is the centre of a pixel), from top to bottom.
    """
    centres = exact_centres(pixels, settings, threads, mask=mask, thresholds=thresholds)
    return np.asarray(centres, np.float32)


def exact_centres(
    pixels: np.ndarray,
    settings: CandidateSettings,
    threads: int,
    *,
    mask: PixelMask | None,
    thresholds: Thresholds | None,
) -> np.ndarray:
    """As find_candidates, in float64: moved by whole pixels, they round to the same pixels."""
    if min(pixels.shape[:2]) < settings.window:
        return np.zeros((0, 2))
    if settings.over == "image":
        mask = None
    elif mask is None:
        mask = tissue_mask(pixels, threads=threads)
    if thresholds is None:
        thresholds = blue_ratio_moments(pixels, mask, settings, threads).thresholds(settings)
    regions = measure_regions(_levels(pixels, thresholds, mask, settings, threads))
    kept = (regions.area >= settings.min_area) & (regions.side <= settings.max_side) & regions.peaks
    return np.asarray(regions.centres[kept] + (settings.window - 1) / 2)


def _levels(
    pixels: np.ndarray,
    thresholds: Thresholds,
    mask: PixelMask | None,
    settings: CandidateSettings,
    threads: int,
) -> np.ndarray:
    """How many of the two thresholds the blue ratio of each window is over.

    Returns:
        (height - window + 1, width - window + 2) uint8, 0 where the window contains anything
        excluded; the last column is 0, so that no region goes on in the next row of the flattened
        array.
    """
    window = settings.window
    height, width = (side - window + 1 for side in pixels.shape[:2])
    levels = np.zeros((height, width + 1), np.uint8)
    region, peak = np.float32(thresholds.region), np.float32(thresholds.peak)

    def fill(top: int, bottom: int) -> None:
        values = _smoothed_ratio(pixels, slice(top, bottom), settings)
        here = levels[top:bottom, :width]
        np.add(values > region, values > peak, out=here, dtype=np.uint8)
        if mask is not None and mask.excludes:
            out = _combined(np.logical_or, _lines(mask.excluded, slice(top, bottom), window))
            here[out] = 0

    _by_stripe(fill, pixels, window, threads)
    return levels


def _by_stripe(
    work: Callable[[int, int], T], pixels: np.ndarray, window: int, threads: int, step: int = 1
) -> list[T]:
    """What `work` returns for stripes of windows, from a first row to after the last one.

    Stripes begin at multiples of `step` rows.
    """
    height, width = (side - window + 1 for side in pixels.shape[:2])
    rows = max(STRIPE_PIXELS // max(width, 1), 1) * step
    starts = range(0, height, rows)
    with ThreadPoolExecutor(max_workers=max(threads, 1)) as pool:
        return list(pool.map(lambda top: work(top, min(top + rows, height)), starts))


def _smoothed_ratio(pixels: np.ndarray, rows: slice, settings: CandidateSettings) -> np.ndarray:
    """Mean blue ratio of each window, (rows, width - window + 1) float32.

    Args:
        pixels: (height, width, 3) uint8 RGB.
        rows: those in which the windows begin.
        settings: ratio and window.
    """
    window = settings.window
    ratio = tissue_ratio if settings.over == "tissue" else blue_ratio
    lines = _lines(lambda r: ratio(pixels[r], settings.ratio), rows, window)
    sums = _combined(np.add, lines)
    if window > 1:
        sums *= np.float32(1 / window**2)
    return sums


def _lines(compute: Callable[[slice], np.ndarray], rows: slice, window: int) -> list[np.ndarray]:
    """What `compute` gives for the first, second … row of the windows that begin in `rows`."""
    step = rows.step or 1
    if step >= window:
        return [compute(slice(rows.start + i, rows.stop + i, step)) for i in range(window)]
    whole, count = compute(slice(rows.start, rows.stop + window - 1)), rows.stop - rows.start
    return [whole[i : i + count : step] for i in range(window)]


def _combined(combine: np.ufunc, lines: list[np.ndarray]) -> np.ndarray:
    """The pixels of each window, whose rows are `lines`, combined."""
    rows = functools.reduce(combine, lines)
    count = rows.shape[1] - len(lines) + 1
    return functools.reduce(combine, [rows[:, i : i + count] for i in range(len(lines))])
