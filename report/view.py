"""What the page's zoomable view needs of an image: where its pixels are, and its detections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PIL import Image as Picture

from batch.documents.tiles import Tiles
from batch.hotspot import Hotspot
from model.detections import MERGE_RADIUS_UM
from report.pictures import data_uri
from report.regions import RegionReader, overview_shrink
from report.run_hash import run_sha256
from report.saved import Saved
from report.tiles import all_tiles

# Images of a page that are no larger are inside it, so that the page of a small image is one file.
EMBEDDED_PIXELS_A_PAGE = 4e6
EMBEDDED_QUALITY = 85


def is_embedded(size: tuple[int, int], images: int) -> bool:
    """Whether a page of so many images holds the pixels of this one; else it has tiles."""
    return size[0] * size[1] <= EMBEDDED_PIXELS_A_PAGE / max(images, 1)


def embedded_source(image: RegionReader) -> dict[str, Any]:
    """The image itself as the view's source."""
    pixels = image.read(0, 0, *image.size, 0)
    return {"url": data_uri(Picture.fromarray(pixels), EMBEDDED_QUALITY)}


def tiled_source(folder: str, tiles: Tiles) -> dict[str, Any]:
    """The tiles of an image as the view's source. folder: relative to the page.

    Of a slide, `there` lists the tiles finer than its overview as [level, column, row].
    """
    shape = {"tile": tiles.tile_px, "overlap": tiles.overlap_px, "levels": tiles.levels}
    coarse = tiles.levels - overview_shrink(tiles.size_px)
    wanted = [tile for tile in all_tiles(tiles.size_px) if tile.level > coarse]
    fine = [tile for tile in wanted if tile.name in tiles.files]
    there = None if len(fine) == len(wanted) else [list(tile) for tile in fine]
    return {"folder": folder, "coarse": coarse, "there": there, **shape}


def view_data(
    saved: Saved, cells: Sequence[int], hotspot: Hotspot, source: dict[str, Any]
) -> dict[str, Any]:
    """What the page's scripts know of an image, ready for JSON.

    Args:
        saved: its result.
        cells: indices of the detections that are shown.
        hotspot: the part with the most mitotic figures.
        source: of `embedded_source` or `tiled_source`.
    """
    return {
        "file": saved.file,
        "sha256": saved.processed.image.sha256,
        "run": run_sha256(saved.processed),
        "size": saved.size_px,
        "mpp": saved.mpp,
        "threshold": saved.threshold,
        "area": saved.counted_mm2,
        "ring": MERGE_RADIUS_UM / saved.mpp[0],
        "source": source,
        "hotspot": [round(value, 1) for value in hotspot[:4]],
        "cells": [_cell(saved, index) for index in cells],
    }


def _cell(saved: Saved, index: int) -> list[float]:
    """Rank, x, y, and the probabilities with and without adaptation."""
    found = saved.detections[index]
    probabilities = (found.probability, found.probability_without_adaptation)
    return [index + 1, found.x, found.y, *probabilities]
