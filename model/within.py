"""Candidates within regions of interest."""

from __future__ import annotations

import numpy as np

from model.candidates import CandidateSettings, blue_ratio_moments, find_candidates
from slide.pixel_mask import PixelMask
from slide.regions_of_interest import Regions
from slide.resample import Resampled
from slide.tissue import TissueMap


def candidates_within(
    regions: Regions | None,
    image: Resampled,
    mask: PixelMask,
    settings: CandidateSettings,
    threads: int = 2,
) -> tuple[TissueMap, np.ndarray]:
    """Tissue and candidates of the regions.

    The threshold of the blue ratio is that of the tissue in the regions, as if there were no other.
    A candidate belongs to them by its centre, so one on their border is whole.

    Args:
        regions: of interest, in px of the image as it was given; None for the whole image.
        image: at the training resolution.
        mask: tissue of the whole image.
        settings: of the candidates.
        threads: as for find_candidates.

    Returns:
        The map of the tissue in the regions; (n, 2) float32 x, y in px of `image`.
    """
    if regions is None:
        return mask.map, find_candidates(image.pixels, settings, threads, mask=mask)
    tissue = mask.map.within(regions, image.scale)
    counted = None if settings.over == "image" else PixelMask(image.pixels, tissue)
    moments = blue_ratio_moments(image.pixels, counted, settings, threads)
    centres = find_candidates(
        image.pixels, settings, threads, mask=mask, thresholds=moments.thresholds(settings)
    )
    return tissue, centres[regions.contains(image.to_input(centres))]
