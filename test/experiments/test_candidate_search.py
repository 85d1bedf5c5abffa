"""The search for candidate settings counts what is found."""

from __future__ import annotations

import numpy as np

from experiments.candidate_search import grid, try_settings
from model.candidates import DEFAULT, PAPER
from test.rendering import render_tissue
from training.icpr_2012 import PARIS
from training.samples import SourceImage


def test_rendered_figures_are_found_and_far_points_are_not() -> None:
    pixels, centres = render_tissue((400, 400), 5, seed=3)
    image = SourceImage(pixels, "a.tif", "a", PARIS)
    assert try_settings(DEFAULT, [image], {"a.tif": centres}).found == 5
    far = np.full((1, 2), 4000.0)
    outcome = try_settings(DEFAULT, [image, image], {"a.tif": far})
    assert outcome.found == 0
    assert outcome.candidates == try_settings(DEFAULT, [image], {}).candidates


def test_the_grid_holds_the_default_and_the_papers_settings() -> None:
    assert DEFAULT in grid()
    assert PAPER in grid()
