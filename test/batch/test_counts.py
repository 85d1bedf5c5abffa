"""Counts and densities against counting pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

from batch.counts import count, threshold_at
from batch.documents import Detection, Range
from slide.tissue import Kind, TissueMap

MPP = (5.0, 4.0)
SIZE = (500, 400)  # px, width and height: 2.5 x 1.6 mm


def tissue_map(kinds: np.ndarray, cell: int, size: tuple[int, int], mpp: float) -> TissueMap:
    """A map whose colours do not matter."""
    return TissueMap(kinds, np.zeros((*kinds.shape, 3), np.uint8), cell, size, mpp)


def detections(seed: int, number: int = 60) -> list[Detection]:
    generator = np.random.default_rng(seed)
    return [
        Detection(
            x=round(float(x), 3),
            y=round(float(y), 3),
            probability=round(float(p), 6),
            probability_without_adaptation=0.0,
        )
        for x, y, p in zip(
            generator.uniform(0, SIZE[0] - 1, number),
            generator.uniform(0, SIZE[1] - 1, number),
            generator.uniform(0, 1, number),
            strict=True,
        )
    ]


@pytest.mark.parametrize("seed", range(3))
def test_counts_and_densities(seed: int) -> None:
    """The map is at another resolution than the image: 80 x 100 px in cells of 2."""
    kinds = np.random.default_rng(seed).integers(0, 5, (40, 50)).astype(np.uint8)
    tissue = tissue_map(kinds, 2, (80, 100), np.sqrt(25 * 20))
    found = detections(seed)
    counts = count(found, 0.7, SIZE, MPP, tissue, hpf_area_mm2=0.2)
    low, high = counts.thresholds
    assert (low, high) == pytest.approx(
        ((0.7 / 0.3 / 5) / (1 + 0.7 / 0.3 / 5), (0.7 / 0.3 * 5) / (1 + 0.7 / 0.3 * 5)), abs=1e-6
    )
    left, top, width, height = counts.hotspot.box_px
    is_tissue = np.kron(
        np.isin(kinds, (Kind.TISSUE, Kind.DENSE)), np.ones((10, 10), bool)
    )  # px of the image
    for part, box in ((counts.whole, (0, 0, *SIZE)), (counts.hotspot, (left, top, width, height))):
        inside = [
            d
            for d in found
            if box[0] - 1e-6 <= d.x + 0.5 <= box[0] + box[2] + 1e-6
            and box[1] - 1e-6 <= d.y + 0.5 <= box[1] + box[3] + 1e-6
        ]
        numbers = {
            name: sum(d.probability >= at for d in inside)
            for name, at in (("value", 0.7), ("low", high), ("high", low))
        }
        assert part.figures.model_dump() == numbers
        area = _share_of_pixels(is_tissue, box) * MPP[0] * MPP[1] / 1e6
        assert part.tissue_mm2 == pytest.approx(area, abs=1e-6)
        for name, number in numbers.items():
            assert getattr(part.per_mm2, name) == pytest.approx(number / area, abs=1e-5)
            assert getattr(part.per_10_hpf, name) == pytest.approx(2 * number / area, abs=1e-5)


def _share_of_pixels(is_tissue: np.ndarray, box: tuple[float, ...]) -> float:
    """Pixels of tissue in a rectangle; those it cuts count by the part inside."""
    total = 0.0
    for y, x in np.argwhere(is_tissue):
        width = min(x + 1, box[0] + box[2]) - max(x, box[0])
        height = min(y + 1, box[1] + box[3]) - max(y, box[1])
        total += max(width, 0) * max(height, 0)
    return total


def test_no_tissue_has_no_density() -> None:
    glass = tissue_map(np.zeros((4, 5), np.uint8), 100, (400, 500), 4.5)
    counts = count([], 0.5, SIZE, MPP, glass)
    assert counts.whole.figures == counts.hotspot.figures == Range(value=0, low=0, high=0)
    assert counts.whole.per_mm2 is None and counts.hotspot.per_10_hpf is None
    assert counts.hpf_area_mm2 == 0.237


def test_the_last_cells_are_cut_with_the_image() -> None:
    whole = tissue_map(np.full((2, 3), Kind.TISSUE, np.uint8), 4, (7, 9), 1000.0)
    assert whole.area_mm2_within(0, 0, 1, 1) == whole.area_mm2 == 63
    assert whole.area_mm2_within(8 / 9, 0, 1, 1 / 7) == pytest.approx(1)


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_thresholds_at_the_ends(threshold: float) -> None:
    assert threshold_at(threshold, 5) == threshold_at(threshold, 1 / 5) == threshold
