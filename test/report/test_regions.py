"""Regions of a slide are those of its pixels, at every size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from batch.writing import write_json
from model.hashes import file_sha256
from report import regions, view
from report.regions import ArrayReader, SlideReader, overview_shrink, shrunk
from report.tiles import all_tiles, tiles_around
from report.write import write
from slide.whole_slide import WholeSlide
from test.report.browser import open_view, quiet_page, started
from test.report.builders import result_of, write_output
from test.slide.slides import glass, tissue, write_slide

SIZE = (1500, 1100)  # px


@pytest.fixture
def pixels(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Of a slide whose overview is four times smaller."""
    monkeypatch.setattr(regions, "OVERVIEW_SIDE", 400)
    pixels = glass(SIZE[1], SIZE[0])
    pixels[300:1000, 200:1400] = tissue((700, 1200))
    return pixels


@pytest.mark.parametrize(
    ("size", "halvings"), [((4096, 10), 0), ((4097, 10), 1), ((8192, 10), 1), ((100_000, 8193), 5)]
)
def test_overview_is_small_enough(size: tuple[int, int], halvings: int) -> None:
    assert overview_shrink(size) == halvings
    assert max(shrunk(size, halvings)) <= 4096


def test_slide_is_read_as_its_pixels_are(pixels: np.ndarray, tmp_path: Path) -> None:
    slide = SlideReader(WholeSlide(write_slide(tmp_path / "a.tif", pixels, "raw")))
    array = ArrayReader(pixels)
    assert slide.size == array.size == SIZE and slide.overview_shrink == 2
    for shrink in range(5):
        width, height = shrunk(SIZE, shrink)
        for x, y in ((0, 0), (width // 2, height // 3)):
            box = (x, y, width - x, height - y, shrink)
            seen, expected = (reader.read(*box).astype(int) for reader in (slide, array))
            assert seen.shape == expected.shape
            assert np.abs(seen - expected)[:-1, :-1].max() <= 2 + shrink, "rounded at each level"


def test_fine_tiles_are_where_the_cells_are(pixels: np.ndarray) -> None:
    tiles = tiles_around(SIZE, np.array([(505.0, 100.0), (1499.0, 1099.0)]), 20.0)
    assert set(tiles) <= set(all_tiles(SIZE))
    assert [t[1:] for t in tiles if t.level == 11] == [(0, 0), (1, 0), (2, 2)]
    assert [t[1:] for t in tiles if t.level == 10] == [(0, 0), (1, 1)]
    coarse = [tile for tile in all_tiles(SIZE) if tile.level <= 9]
    assert tiles[-len(coarse) :] == coarse
    assert tiles_around(SIZE, np.zeros((0, 2)), 20.0) == coarse


def test_page_of_a_slide(
    pixels: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Crops and overview, and a view that goes to a cell whose neighbours have no fine tiles."""
    monkeypatch.setattr(view, "EMBEDDED_PIXELS_A_PAGE", 1000)
    record = {"format": "tiff", "levels": 3, "level": 0, "tiles": 1, "blue_ratio_threshold": 1.0}
    cells = [
        {"x": x, "y": 350.0, "probability": 0.9, "probability_without_adaptation": 0.9}
        for x in (220.0, 1380.0)
    ]
    write_output(tmp_path, [result_of("a.tif")])
    image, place = tmp_path / "in" / "a.tif", tmp_path / "out" / "0"
    write_slide(image, pixels, "raw")
    found = {"path": "../../in/a.tif", "bytes": 1, "sha256": file_sha256(image)}
    changes = {"size_px": list(SIZE), "slide": record, "detections": cells, "image": found}
    write_json(place / "result.json", result_of("a.tif", **changes))
    assert write(tmp_path / "out", ["report", "overlay"]) == []
    assert not (place / "overlay.png").exists(), "a slide is too large for one"
    page_file = tmp_path / "out" / "report.html"
    assert page_file.read_text().count("data:image/webp") == 3
    with started() as browser, quiet_page(browser, page_file.as_uri()) as page:
        open_view(page, 2)
        drawn = "view.osd.world.getItemAt(0).lastDrawn.map(d => [d.level, d.tile.x, d.tile.y])"
        assert [11, 2, 0] in page.evaluate(drawn)
        page.keyboard.press("0")
        assert page.locator("#zoom-status").inner_text() == "2. Probability 0.900: not reviewed"
