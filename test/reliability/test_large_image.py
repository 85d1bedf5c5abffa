"""The large image, in small: that what is measured is the run, and that a budget refuses."""

from __future__ import annotations

import json
from pathlib import Path

from slide.memory import GIB
from slide.read import read_image
from test.reliability.large_image import GLASS, TILE, measure, write_large_image


def test_image_of_tissue_and_glass(tmp_path: Path) -> None:
    write_large_image(tmp_path / "large.tif", TILE + 500, tissue=1)
    pixels = read_image(tmp_path / "large.tif").pixels
    assert pixels.shape == (TILE + 500, TILE + 500, 3)
    assert pixels[:TILE, :TILE].std() > 20
    assert (abs(pixels[:, TILE:].astype(int) - GLASS) <= 2).all()


def test_an_image_over_the_budget_is_refused_without_its_pixels(tmp_path: Path) -> None:
    """100 Mpx of JPEG would take 0.9 GiB more than the process has at rest."""
    measured = measure(tmp_path, 10_000, 0, 1.5, "--adaptation", "none", "--quiet")
    error = json.loads((tmp_path / "out" / "result.json").read_text())["error"]
    assert error.startswith("10000x10000 pixels: 2.0 GiB of memory are needed, 1.5 allowed (--max")
    assert measured.status == 1 and measured.candidates == 0
    assert measured.peak < 1.2 * GIB
