"""Straight lines through an image across which nothing continues."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from slide.read import read_image
from slide.torn_lines import torn_lines_warning
from test.rendering import render_tissue
from training.tiff import write_tiff

TILE = 200  # px
DATA = os.environ.get("MITOSIS_DATA")


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return render_tissue((600, 800), figures=0, seed=3)[0]


def tiles_of(pixels: np.ndarray) -> list[list[np.ndarray]]:
    rows = [pixels[top : top + TILE] for top in range(0, len(pixels), TILE)]
    return [[row[:, left : left + TILE] for left in range(0, row.shape[1], TILE)] for row in rows]


def put_together(tiles: list[list[np.ndarray]]) -> np.ndarray:
    return np.concatenate([np.concatenate(row, axis=1) for row in tiles])


def test_tissue_has_none(pixels: np.ndarray) -> None:
    assert torn_lines_warning(pixels) == ()


def test_rows_of_tiles_from_bottom_to_top(pixels: np.ndarray, tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", put_together(tiles_of(pixels)[::-1]), 0.25)
    (warning,) = read_image(tmp_path / "a.tif").warnings
    assert re.fullmatch(
        "nothing continues across [12] straight lines? through the whole image, the first at "
        "y = [24]00 px: tiles in a wrong order, several images in one or strong compression",
        warning,
    )


def test_tiles_column_by_column_in_a_png(pixels: np.ndarray, tmp_path: Path) -> None:
    tiles = [tile for row in tiles_of(pixels) for tile in row]
    ordered = [[tiles[3 * column + row] for column in range(4)] for row in range(3)]
    PIL.Image.fromarray(put_together(ordered)).save(tmp_path / "a.png")
    (warning,) = read_image(tmp_path / "a.png", mpp=0.25).warnings
    assert re.search("[2-5] straight lines .* the first at x = [246]00 px", warning)


def test_each_tile_turned_over(pixels: np.ndarray) -> None:
    turned = [[tile[::-1] for tile in row] for row in tiles_of(pixels)]
    (warning,) = torn_lines_warning(put_together(turned))
    assert re.search("[12] straight lines? .* the first at y = [24]00 px", warning)


def test_two_images_side_by_side(pixels: np.ndarray) -> None:
    other = render_tissue((600, 300), figures=0, seed=5)[0]
    (warning,) = torn_lines_warning(np.concatenate([pixels, other], axis=1))
    assert "1 straight line " in warning and "x = 800 px" in warning


@pytest.mark.parametrize("colour", [0, 128, 245])
def test_straight_edges_of_tissue_are_none(pixels: np.ndarray, colour: int) -> None:
    framed = np.pad(pixels, ((40, 60), (300, 0), (0, 0)), constant_values=colour)
    assert torn_lines_warning(framed) == ()
    noise = np.random.default_rng(0).normal(0, 2, framed.shape)
    assert torn_lines_warning((framed + noise).clip(0, 255).astype(np.uint8)) == ()


def test_covered_parts_of_tissue_are_none(pixels: np.ndarray) -> None:
    covered = pixels.copy()
    covered[:250, 100:300], covered[400:, 500:560] = 255, 0
    assert torn_lines_warning(covered) == ()


@pytest.mark.parametrize("shape", [(300, 400, 3), (600, 3, 3), (1, 1, 3), (3, 600, 3)])
def test_short_lines_are_not_judged(pixels: np.ndarray, shape: tuple[int, ...]) -> None:
    part = pixels[: shape[0], : shape[1]]
    assert torn_lines_warning(np.concatenate([part, part[::-1]])) == ()


@pytest.mark.skipif(DATA is None, reason="MITOSIS_DATA names the folder of real tissue")
def test_real_fields_have_none_and_tiles_in_another_order_some() -> None:
    files = sorted(Path(DATA or "").glob("fields_*/images/*.jpg"))[::8]
    assert len(files) > 5
    for file in files:
        image = np.asarray(PIL.Image.open(file).convert("RGB"))
        assert torn_lines_warning(image) == (), file.name
        height, width = (TILE * (side // TILE) for side in image.shape[:2])
        tiles = tiles_of(image[:height, :width])
        assert torn_lines_warning(put_together(tiles[::-1])), file.name
