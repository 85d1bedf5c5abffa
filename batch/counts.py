"""Counts mitotic figures in the whole image and in its hotspot, with their range.

The range is what the count would be if the scores shifted as much as between slides: it is counted
at two more thresholds, whose odds are ODDS_SHIFT times lower and higher. The hotspot is that of the
threshold of the run; its range is counted in the same place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from batch.documents.counts import AreaCount, Counts, HotspotCount, Range
from batch.documents.result import Detection
from batch.hotspot import hotspot
from slide.tissue import TissueMap

# Scores shift from slide to slide: on the validation slide the odds of the best threshold were 8.4
# times lower than those stored with the weights; 1.7 times lower with calibration
# (experiments/LOG.md).
ODDS_SHIFT = 5.0
# A field of 0.55 mm diameter: an objective of 40x and an eyepiece of field number 22 (Meuten et
# al., Veterinary Pathology 53, 2016, doi:10.1177/0300985815593349).
HPF_AREA_MM2 = 0.237
DIGITS = 6


def count(
    detections: Sequence[Detection],
    threshold: float,
    size_px: tuple[int, int],
    mpp: tuple[float, float],
    tissue: TissueMap,
    hpf_area_mm2: float = HPF_AREA_MM2,
) -> Counts:
    """Counts and densities of an image.

    Args:
        detections: of the image.
        threshold: lowest probability of a mitotic figure.
        size_px: width and height of the image.
        mpp: µm per pixel, (x, y).
        tissue: map of the whole image, at any resolution.
        hpf_area_mm2: area of a high-power field.
    """
    points = np.array([(d.x, d.y) for d in detections], np.float64).reshape(-1, 2)
    probabilities = np.array([d.probability for d in detections])
    thresholds = threshold_at(threshold, 1 / ODDS_SHIFT), threshold_at(threshold, ODDS_SHIFT)
    spot = hotspot(points[probabilities >= threshold], size_px, mpp)

    def counted(inside: np.ndarray, area: float) -> AreaCount:
        low, value, high = (
            int((probabilities[inside] >= at).sum())
            for at in (thresholds[1], threshold, thresholds[0])
        )
        figures = Range(value=value, low=low, high=high)
        return AreaCount(
            tissue_mm2=round(area, DIGITS),
            figures=figures,
            per_mm2=_times(figures, 1 / area) if area else None,
            per_10_hpf=_times(figures, 10 * hpf_area_mm2 / area) if area else None,
        )

    box = (spot.left, spot.top, spot.left + spot.width, spot.top + spot.height)
    shares = np.array(box) / (*size_px, *size_px)
    of_spot = counted(spot.holds(points), tissue.area_mm2_within(*shares.tolist()))
    return Counts(
        hpf_area_mm2=hpf_area_mm2,
        thresholds=(round(thresholds[0], DIGITS), round(thresholds[1], DIGITS)),
        whole=counted(np.ones(len(points), bool), tissue.area_mm2),
        hotspot=HotspotCount(
            **dict(of_spot),
            area_mm2=round(spot.area_mm2, DIGITS),
            box_px=(spot.left, spot.top, spot.width, spot.height),
        ),
    )


def threshold_at(probability: float, factor: float) -> float:
    """The probability whose odds are `factor` times as large."""
    if factor == 1 or probability == 1:
        return probability
    odds = factor * probability / (1 - probability)
    return odds / (1 + odds)


def _times(figures: Range, factor: float) -> Range:
    return Range(**{name: round(number * factor, DIGITS) for name, number in figures})
