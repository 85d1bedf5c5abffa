"""Large slides, mostly glass: figures found where they are, in bounded memory."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from batch.documents import ProcessedImage, read_result
from batch.layout import RESULT_FILE
from experiments.peak_memory import run
from model.detector import Detector
from model.slide_detector import SlideDetections, detect_on_slide
from slide.memory import GIB
from slide.whole_slide import WholeSlide, is_whole_slide
from test.model.builders import tiny_detector
from test.slide.slides import tissue, write_large_slide

ROOT = Path(__file__).parents[1]
PIECE = tissue((400, 512), seed=11, figures=3)
STEP = 4096  # px: a tile of the coarsest level


def places(size: tuple[int, int]) -> list[tuple[int, int]]:
    """Six corners of pieces, at the same place in tiles of every level."""
    shares = ((0.1, 0.1), (0.5, 0.12), (0.8, 0.25), (0.15, 0.6), (0.45, 0.5), (0.75, 0.75))
    return [(int(size[0] * x) // STEP * STEP, int(size[1] * y) // STEP * STEP) for x, y in shares]


def write(path: Path, size: tuple[int, int]) -> WholeSlide:
    write_large_slide(path, size, dict.fromkeys(places(size), PIECE))
    assert is_whole_slide(path)
    return WholeSlide(path)


def by_piece(points: np.ndarray, size: tuple[int, int]) -> list[np.ndarray]:
    """The points (n, 2) of each piece, from its corner."""
    found = [points - corner for corner in places(size)]
    return [
        own[((own > -40) & (own < np.array(PIECE.shape[1::-1]) + 40)).all(axis=1)] for own in found
    ]


def assert_alike(found: SlideDetections, size: tuple[int, int]) -> None:
    """Every piece has the same detections, and there are none elsewhere."""
    pieces = by_piece(found.found.points, size)
    assert sum(map(len, pieces)) == len(found.found.points)
    first = cKDTree(pieces[0])
    for other in pieces:
        distance, _ = first.query(other)
        assert (distance < 3).mean() > 0.9  # decoded alike; glass around it differs


def test_a_slide_of_30000_by_20000(tmp_path: Path) -> None:
    size = (30_000, 20_000)
    detector: Detector = tiny_detector("none")
    found = detect_on_slide(detector, write(tmp_path / "a.tif", size))
    assert len(found.found.points) > 60 and found.tiles <= 4 * len(places(size))
    assert_alike(found, size)
    assert found.tissue.area_mm2 == pytest.approx(6 * PIECE[..., 0].size * 0.25**2 / 1e6, rel=0.3)


@pytest.mark.slow
def test_a_slide_of_100000_by_100000_in_bounded_memory(tmp_path: Path) -> None:
    size = (100_000, 100_000)
    write(tmp_path / "a.tif", size).close()
    paths = ["--input", str(tmp_path / "a.tif"), "--output", str(tmp_path / "out")]
    done = run([sys.executable, "process.py", *paths, "--max-memory", "2.5"], ROOT)
    assert done.status == 0, done.stderr
    result = read_result(tmp_path / "out" / RESULT_FILE)
    assert isinstance(result, ProcessedImage) and result.slide is not None
    assert result.slide.tiles <= 4 * len(places(size))
    points = np.array([(d.x, d.y) for d in result.detections if d.probability >= 0.5])
    assert all(len(own) for own in by_piece(points, size))
    assert 0.5 * GIB < done.peak <= 2.5 * GIB
