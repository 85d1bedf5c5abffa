"""A slide whose full resolution and reduced levels show something else is warned about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from slide.level_agreement import differing, level_warning
from slide.training_view import TrainingView
from slide.whole_slide import WholeSlide
from test.slide.slides import Kind, glass, pixels_on_glass, tissue, write_slide

SIZE = (2600, 2300)
PIXELS = pixels_on_glass(SIZE, {(300, 200): tissue((1700, 1900), figures=0)})
WARNING = "compared places differ between the full resolution and a reduced level"


def warnings(path: Path) -> tuple[str, ...]:
    view = TrainingView(WholeSlide(path))
    return level_warning(view, view.tissue())


def write(folder: Path, kind: Kind, pixels: np.ndarray = PIXELS) -> Path:
    return write_slide(folder / ("a.svs" if kind == "svs" else "a.tif"), pixels, kind)


def reorder(path: Path, order: Callable[[np.ndarray], np.ndarray]) -> None:
    """Let the tags of the full resolution list its tiles in another order."""
    with tifffile.TiffFile(path, mode="r+") as tiff:
        page = tiff.pages.first
        chosen = order(np.arange(len(page.dataoffsets)))
        for name, values in (("Offsets", page.dataoffsets), ("ByteCounts", page.databytecounts)):
            page.tags[f"Tile{name}"].overwrite([values[i] for i in chosen])


@pytest.mark.parametrize("kind", ["raw", "pages", "ome", "svs"])
def test_levels_of_one_slide_agree(tmp_path: Path, kind: Kind) -> None:
    assert warnings(write(tmp_path, kind)) == ()


@pytest.mark.parametrize("kind", ["pages", "svs"])
@pytest.mark.parametrize(
    "order",
    [
        lambda numbers: np.random.default_rng(0).permutation(numbers),
        lambda numbers: np.roll(numbers, 1),
        lambda numbers: np.roll(numbers, 11),
        lambda numbers: numbers[::-1],
    ],
    ids=["random", "by one tile", "by a row", "reversed"],
)
def test_tiles_in_a_wrong_order(
    tmp_path: Path, kind: Kind, order: Callable[[np.ndarray], np.ndarray]
) -> None:
    path = write(tmp_path, kind)
    reorder(path, order)
    (warning,) = warnings(path)
    assert WARNING in warning


def with_reduced_levels(path: Path, reduced: np.ndarray) -> Path:
    """A slide whose reduced levels are those of other pixels."""
    with tifffile.TiffWriter(path) as writer:
        for index, factor in enumerate((1, 4, 16)):
            pixels = PIXELS if index == 0 else reduced[::factor, ::factor].copy()
            per_cm = 40_000 / factor
            writer.write(
                pixels, tile=(256, 256), photometric="rgb", metadata=None, subfiletype=index and 1,
                resolution=(per_cm, per_cm), resolutionunit="CENTIMETER",
            )  # fmt: skip
    return path


def test_levels_of_single_pixels_agree(tmp_path: Path) -> None:
    assert warnings(with_reduced_levels(tmp_path / "a.tif", PIXELS)) == ()


def test_a_reduced_level_that_is_half_blank(tmp_path: Path) -> None:
    half = PIXELS.copy()
    half[:, 1300:] = glass(SIZE[1], 1300)
    (warning,) = warnings(with_reduced_levels(tmp_path / "a.tif", half))
    assert WARNING in warning


def test_a_reduced_level_of_another_image(tmp_path: Path) -> None:
    other = pixels_on_glass(SIZE, {(300, 200): tissue((1700, 1900), seed=4, figures=0)})
    (warning,) = warnings(with_reduced_levels(tmp_path / "a.tif", other))
    assert WARNING in warning


def test_a_slide_of_one_level_is_not_compared(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, PIXELS, tile=(256, 256), photometric="rgb",
        resolution=(40_000, 40_000), resolutionunit="CENTIMETER",
    )  # fmt: skip
    assert warnings(path) == ()


def test_a_damaged_tile_ends_the_comparison(tmp_path: Path) -> None:
    path = write(tmp_path, "pages")
    with tifffile.TiffFile(path) as tiff:
        offsets = tiff.pages.first.dataoffsets
    content = bytearray(path.read_bytes())
    for offset in offsets:
        content[offset : offset + 40] = bytes(40)
    path.write_bytes(content)
    assert warnings(path) == ()


def test_squares_that_differ() -> None:
    cells = np.random.default_rng(0).normal(180, 15, (40, 64, 3)).astype(np.float32)
    noisy = cells + np.random.default_rng(1).normal(0, 10, cells.shape).astype(np.float32)
    assert not differing(cells, noisy).any()
    assert differing(cells, noisy[::-1]).all()
    assert not differing(cells[:20], noisy[20:]).any()  # too few squares to judge by
    noisy[[3, 7]] -= 40
    assert np.flatnonzero(differing(cells, noisy)).tolist() == [3, 7]
