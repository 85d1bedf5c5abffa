"""Detection on slides: the grid of tiles leaves no trace, and a field gives what it gives alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from model.candidates import DEFAULT, find_candidates
from model.detections import select
from model.detector import Detector
from model.scoring import score
from model.slide_candidates import spread_squares
from model.slide_detector import SlideDetections, detect_on_slide
from model.slide_target import TilePart, systematic_sample
from model.target import MAX_KEPT
from slide.polygon import Polygon
from slide.regions_of_interest import Regions
from slide.tiles import CORE
from slide.tissue import Kind
from slide.whole_slide import WholeSlide
from test.model.builders import tiny_detector
from test.slide.slides import PIECE, PLACE, SIZE, pixels_on_glass, tissue, write_slide

UNGUARDED = {"guarded": False}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide whose tissue lies where four tiles meet."""
    assert all(a < CORE < a + b for a, b in zip(PLACE, PIECE[::-1], strict=True))
    return write_slide(tmp_path_factory.mktemp("slide") / "a.tif", pixels_on_glass(), "raw")


@pytest.fixture(scope="module")
def detector() -> Detector:
    return tiny_detector("none", settings=UNGUARDED)


@pytest.fixture(scope="module")
def found(path: Path, detector: Detector) -> SlideDetections:
    return detect_on_slide(detector, WholeSlide(path))


def assert_same(first: SlideDetections, second: SlideDetections, tolerance: float = 1e-5) -> None:
    """The same points; probabilities may differ where a batch has other neighbours."""
    one, other = (found.found.points[np.lexsort(found.found.points.T)] for found in (first, second))
    np.testing.assert_array_equal(one, other)
    one, other = (
        found.found.probabilities[np.lexsort(found.found.points.T)] for found in (first, second)
    )
    np.testing.assert_allclose(one, other, atol=tolerance)


def test_a_small_slide_is_judged(tmp_path: Path, detector: Detector) -> None:
    """110 µm: less than the squares that are looked at of larger slides."""
    path = write_slide(tmp_path / "a.tif", tissue((450, 440)), "raw")
    appearance = detect_on_slide(detector, WholeSlide(path)).found.appearance
    assert appearance is not None and appearance.sharpness is not None


@pytest.mark.parametrize("offset", [(333, 777), (CORE // 2, 0)])
def test_the_grid_does_not_matter(
    path: Path, detector: Detector, found: SlideDetections, offset: tuple[int, int]
) -> None:
    shifted = detect_on_slide(detector, WholeSlide(path), offset=offset)
    assert len(found.found.points) > 30 and found.tiles == 4
    assert shifted.thresholds == found.thresholds
    assert shifted.found.candidates == found.found.candidates
    assert_same(shifted, found)


def test_the_grid_does_not_matter_to_the_adaptation(path: Path) -> None:
    detector = tiny_detector(settings=UNGUARDED, max_steps=2, learning_rate=1e-3)
    one, other = (
        detect_on_slide(detector, WholeSlide(path), offset=offset) for offset in ((0, 0), (900, 40))
    )
    assert one.found.adaptation.steps == 2
    assert one.found.adaptation.target_candidates == one.found.candidates
    assert_same(one, other, tolerance=1e-4)


def test_a_field_gives_what_it_gives_alone(detector: Detector, found: SlideDetections) -> None:
    centres = find_candidates(tissue(), DEFAULT, thresholds=found.thresholds)
    probabilities = score(detector.network, detector.target_domain(tissue(), centres)).probabilities
    kept = select(centres * 0.25, probabilities)
    points = found.found.points - PLACE
    inside = ((points > 48) & (points < np.array(PIECE[::-1]) - 48)).all(axis=1)
    distance, nearest = cKDTree(centres[kept]).query(points[inside])
    assert inside.sum() > 10 and (distance < 1e-3).all()
    np.testing.assert_allclose(
        probabilities[kept][nearest], found.found.probabilities[inside], atol=1e-5
    )


def test_glass_is_never_decoded_at_full_resolution(
    path: Path, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    slide = WholeSlide(path)
    read: list[tuple[int, int, int, int]] = []
    original: Callable[..., np.ndarray] = slide._levels.read

    def spy(level: int, *place: int) -> np.ndarray:
        if level == 0:
            read.append(place)  # type: ignore[arg-type]
        return original(level, *place)

    monkeypatch.setattr(slide._levels, "read", spy)
    detect_on_slide(detector, slide)
    assert read and all(width * height < SIZE[0] * SIZE[1] for _, _, width, height in read)


def test_a_stroke_of_ink_hardly_moves_the_thresholds(
    tmp_path: Path, detector: Detector, found: SlideDetections
) -> None:
    piece = tissue()
    piece[:, 100:130] = 75, 0, 130
    path = write_slide(tmp_path / "a.tif", pixels_on_glass(places={PLACE: piece}), "raw")
    inked = detect_on_slide(detector, WholeSlide(path))
    assert inked.found.tissue is not None and inked.found.tissue.cells_mm2(Kind.DENSE) > 0
    np.testing.assert_allclose(inked.thresholds, found.thresholds, rtol=0.1)


def test_a_slide_without_tissue(tmp_path: Path, detector: Detector) -> None:
    path = write_slide(tmp_path / "a.tif", pixels_on_glass((1200, 1100), {}), "raw")
    found = detect_on_slide(detector, WholeSlide(path))
    assert (found.tiles, found.found.candidates, len(found.found.points)) == (0, 0, 0)
    assert found.found.appearance is not None and found.found.appearance.area_mm2 == 0


def test_a_large_slide_is_adapted_to_by_a_sample(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.target.MAX_KEPT", 40)
    detector = tiny_detector(settings=UNGUARDED, max_steps=1)
    found = detect_on_slide(detector, WholeSlide(path)).found
    assert found.adaptation.target_candidates == 40 < found.candidates


def test_what_is_kept_for_the_adapted_network_changes_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every bit is the same whether activations are kept for the second pass or computed again."""
    computed: list[int] = []
    original = TilePart.activations

    def counted(self: TilePart, index: np.ndarray) -> Iterator[torch.Tensor]:
        computed.append(len(index))
        return original(self, index)

    monkeypatch.setattr(TilePart, "activations", counted)
    found = {}
    for most in (MAX_KEPT, 2 * MAX_KEPT):  # of which a sample takes MAX_KEPT
        monkeypatch.setattr("model.slide_detector.MAX_KEPT", most)
        detector = tiny_detector(settings=UNGUARDED, max_steps=2, learning_rate=1e-3)
        found[most] = detect_on_slide(detector, WholeSlide(path)).found
    one, other = found.values()
    assert one.adaptation.steps == 2 and len(one.points) > 30
    np.testing.assert_array_equal(one.points, other.points)
    np.testing.assert_array_equal(one.probabilities, other.probabilities)
    assert sum(computed) == (3 + 2) * one.candidates, "with the sample; the second pass once"


def test_a_systematic_sample() -> None:
    np.testing.assert_array_equal(systematic_sample(5, 8, seed=0), np.arange(5))
    sample = systematic_sample(1000, 64, seed=3)
    assert len(np.unique(sample)) == 64 and sample.min() >= 0 and sample.max() < 1000
    assert set(np.diff(sample)) <= {15, 16}
    assert not np.array_equal(sample, systematic_sample(1000, 64, seed=4))


def test_squares_are_spread_by_the_amount_of_tissue() -> None:
    counted = np.zeros((80, 160), bool)
    counted[:40, :80] = counted[70, 159] = True
    every = spread_squares(counted, cell=32)
    assert len(every) == 5 * 10 + 1 and (19 * 256, 8 * 256) in every
    some = spread_squares(counted, cell=32, most=10)
    assert len(some) == 10 and set(some) <= set(every)


def test_thresholds_are_those_of_the_tissue(found: SlideDetections) -> None:
    alone = find_candidates(tissue(), DEFAULT)
    ours = find_candidates(tissue(), DEFAULT, thresholds=found.thresholds)
    assert len(ours) == pytest.approx(len(alone), rel=0.1)


def test_regions_of_interest(path: Path, detector: Detector, found: SlideDetections) -> None:
    """Only tiles of the region are read, and its tissue alone gives the threshold."""
    left, top = PLACE
    bottom = top + PIECE[0]
    corners = [[left, top], [CORE - 20, top], [CORE - 20, bottom], [left, bottom]]
    regions = Regions((Polygon((np.array(corners, float),)),), "")
    inside = detect_on_slide(detector, WholeSlide(path), regions=regions)
    assert inside.tiles == 2 < found.tiles
    assert len(inside.found.points) > 5 and regions.contains(inside.found.points).all()
    assert inside.thresholds != found.thresholds
    area = (inside.tissue.kinds != Kind.OUTSIDE).sum() * inside.tissue.mpp**2
    assert area == pytest.approx((CORE - 20 - left) * PIECE[0] * 0.25**2, rel=0.05), (
        "of whole cells"
    )
    assert inside.tissue.area_mm2 < found.tissue.area_mm2
    shifted = detect_on_slide(detector, WholeSlide(path), regions=regions, offset=(333, 777))
    assert_same(inside, shifted)
