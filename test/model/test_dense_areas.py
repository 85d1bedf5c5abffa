"""Ink of the colour of nuclei: strokes are found by their extent, and hide no candidates."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage
from scipy.spatial import cKDTree

from model.candidates import find_candidates
from model.dense_areas import dense_share, mark_dense
from slide.tissue import Kind, find_tissue
from test.make_rendered_image import SAMPLE

MPP, NEAR_PX = 0.25, 4.0
NAVY, INDIGO, PURPLE = (0, 0, 128), (75, 0, 130), (80, 0, 140)
INKS = [(NAVY, 0.6, 60), (NAVY, 0.4, 60), (INDIGO, 0.6, 60), (PURPLE, 1.0, 40), (NAVY, 0.6, 20)]
DATA = os.environ.get("MITOSIS_DATA")
FIELDS = ("fields_a/images/A00_01.jpg", "fields_a/images/A03_02.jpg")


@pytest.fixture(scope="module")
def rendered() -> np.ndarray:
    """(1000, 1000, 3) uint8 of the sample image."""
    return np.ascontiguousarray(tifffile.imread(SAMPLE)[:1000, :1000])


def with_stroke(
    pixels: np.ndarray, ink: tuple[int, int, int], opacity: float, width: float
) -> tuple[np.ndarray, np.ndarray]:
    """A straight stroke across an image, soft at its sides; (height, width) bool, where it is."""
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    line = np.abs(x - 0.3 * pixels.shape[1] - 0.5 * (y - pixels.shape[0] / 2)) < width / 2
    share = opacity * ndimage.gaussian_filter(line.astype(np.float32), 2)[..., None]
    mixed = (pixels * (1 - share) + np.array(ink) * share).round().astype(np.uint8)
    return mixed, share[..., 0] > 0.01


@pytest.mark.parametrize(("ink", "opacity", "width"), INKS)
def test_a_stroke_is_marked_where_it_is(
    rendered: np.ndarray, ink: tuple[int, int, int], opacity: float, width: float
) -> None:
    drawn, where = with_stroke(rendered, ink, opacity, width)
    found = mark_dense(find_tissue(drawn, MPP))
    dense = np.kron(found.kinds == Kind.DENSE, np.ones((found.cell, found.cell), bool))
    dense = dense[: where.shape[0], : where.shape[1]]
    assert dense[where].mean() > 0.9
    assert dense[~ndimage.binary_dilation(where, iterations=3 * found.cell)].mean() < 0.01
    assert found.area_mm2 == find_tissue(drawn, MPP).area_mm2, "it remains tissue"
    assert found.cells_mm2(Kind.DENSE) == pytest.approx(dense.mean() * found.area_mm2, rel=0.1)


@pytest.mark.parametrize(("ink", "opacity", "width"), INKS)
def test_a_stroke_hides_no_candidates(
    rendered: np.ndarray, ink: tuple[int, int, int], opacity: float, width: float
) -> None:
    check_candidates(rendered, *with_stroke(rendered, ink, opacity, width), 0.95)


@pytest.mark.skipif(DATA is None, reason="MITOSIS_DATA is not set")
@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize(("ink", "opacity", "width"), INKS)
def test_a_stroke_hides_no_candidates_of_real_tissue(
    name: str, ink: tuple[int, int, int], opacity: float, width: float
) -> None:
    assert DATA is not None
    pixels = np.asarray(Image.open(Path(DATA, name)).convert("RGB"))
    assert dense_share(find_tissue(pixels, MPP)) == 0
    check_candidates(pixels, *with_stroke(pixels, ink, opacity, width), 0.98)


def check_candidates(
    pixels: np.ndarray, drawn: np.ndarray, where: np.ndarray, least: float
) -> None:
    bare = find_candidates(pixels)
    column, row = bare.round().astype(int).T
    beside = bare[~ndimage.binary_dilation(where, iterations=40)[row, column]]
    distance, _ = cKDTree(find_candidates(drawn)).query(beside)
    assert (distance <= NEAR_PX).mean() >= least


def test_ordinary_tissue_has_no_dense_areas(rendered: np.ndarray) -> None:
    found = find_tissue(rendered, MPP)
    assert dense_share(found) == 0 and mark_dense(found) is found


def test_glass_has_no_dense_areas() -> None:
    found = find_tissue(np.full((200, 200, 3), 240, np.uint8), MPP)
    assert dense_share(found) == 0 and mark_dense(found) is found
