"""Pieces around clusters: where they lie, what they show, and whose figures they have."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evaluation.annotated_image import AnnotatedImage
from experiments.cases import Case
from experiments.dense_pieces import SIDE, DensePiece, corners, dense_pieces
from slide.read import read_image
from test.rendering import render_tissue
from training.tiff import write_tiff
from training.virtual_scanners import AS_IT_IS

FIGURES = np.array(
    [[100, 100], [300, 200], [1500, 500], [1600, 600], [1700, 550], [50, 950]], float
)
FIELD = (2100, 1000)


def test_squares_are_centred_on_clusters_and_do_not_overlap() -> None:
    # The mean of the last three is (1600, 550); the two at the corner are clipped to it, and the
    # one left over would overlap them.
    half = SIDE // 2
    assert corners(FIGURES, FIELD) == [(1600 - half, 550 - half), (0, 0)]


def test_single_figures_make_no_piece() -> None:
    assert corners(FIGURES[[0, 2, 5]], FIELD) == []
    assert corners(np.zeros((0, 2)), FIELD) == []


def test_a_piece_is_the_field_s_pixels_and_figures(tmp_path: Path) -> None:
    path = tmp_path / "f.tif"
    write_tiff(path, render_tissue((900, 950), figures=0, seed=1)[0], 0.25)
    figures = np.array([[60.0, 45.0], [30.0, 45.0], [853.0, 833.0]])
    whole = AnnotatedImage("f.tif", figures, np.zeros((0, 2)), (950, 900), (0.25, 0.25), "S")
    piece = DensePiece(Case(AS_IT_IS, whole, path), (40, 20))
    np.testing.assert_array_equal(
        piece.read().pixels, read_image(path).pixels[20 : 20 + SIDE, 40 : 40 + SIDE]
    )
    assert piece.annotated.figures.tolist() == [[20.0, 25.0], [813.0, 813.0]]
    assert piece.annotated.size == (SIDE, SIDE) and piece.annotated.slide == "S"
    assert piece.image == piece.annotated.stem == "f+40+20"


def test_a_field_smaller_than_a_piece_is_one_piece(tmp_path: Path) -> None:
    path = tmp_path / "f.tif"
    write_tiff(path, render_tissue((150, 160), figures=0, seed=1)[0], 0.25)
    figures = np.array([[20.0, 30.0], [140.0, 100.0]])
    whole = AnnotatedImage("f.tif", figures, np.zeros((0, 2)), (160, 150), (0.25, 0.25), "S")
    (piece,) = dense_pieces([Case(AS_IT_IS, whole, path)])
    assert piece.read().pixels.shape == (150, 160, 3)
    assert piece.annotated.size == (160, 150) and len(piece.annotated.figures) == 2
