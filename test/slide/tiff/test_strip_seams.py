"""Strips in a wrong order are warned about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from slide.read import read_image
from slide.tiff.strip_seams import displaced_strips
from test.rendering import PINK, PURPLE, Look, render_tissue
from test.slide.tiff.builders import drop_segments, write

RGB = render_tissue((660, 512), figures=0, seed=5)[0]


def warning(count: int) -> str:
    strips = f"{count} strip{'s' if count > 1 else ''}"
    return f"neighbours do not continue {strips}: the order of strips may be wrong"


OPTIONS: dict[str, dict[str, Any]] = {
    "": {},
    "deflate": {"compression": "zlib"},
    "planes": {"planarconfig": "separate"},
    "JPEG": {"compression": "jpeg", "compressionargs": {"level": 60}},
}
Order = Callable[[list[int]], list[int]]
ORDERS: dict[str, tuple[Order, int]] = {  # of 10 full strips, and how many are reported
    "reversed": (lambda w: w[::-1], 11),
    "rotated by one": (lambda w: [*w[1:], w[0]], 1),
    "rotated by four": (lambda w: w[4:] + w[:4], 4),
    "neighbours exchanged": (lambda w: [w[0], w[2], w[1], *w[3:]], 2),
    "ends exchanged": (lambda w: [w[-1], *w[1:-1], w[0]], 1),
}


def reorder(path: Path, order: Order) -> None:
    """Exchange the places of full strips; the last one, of fewer rows, stays."""
    with tifffile.TiffFile(path, mode="r+") as file:
        page = file.pages.first
        for name, values in (("Offsets", page.dataoffsets), ("ByteCounts", page.databytecounts)):
            page.tags[f"Strip{name}"].overwrite([*order(list(values[:-1])), values[-1]])


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
@pytest.mark.parametrize("order", ORDERS)
def test_strips_in_a_wrong_order(tiff: Path, options: dict[str, Any], order: str) -> None:
    pixels = np.moveaxis(RGB, -1, 0).copy() if "planarconfig" in options else RGB
    write(tiff, pixels, rowsperstrip=64, **options)
    assert read_image(tiff).warnings == ()
    if "planarconfig" not in options:  # each plane has its own part of the tables
        change, count = ORDERS[order]
        reorder(tiff, change)
        assert read_image(tiff).warnings == (warning(count),)


@pytest.mark.parametrize("height", [8, 16, 60, 100, 132])
@pytest.mark.parametrize("order", ["reversed", "rotated by four"])
def test_strips_of_any_height(height: int, order: str) -> None:
    strips = list(RGB[: len(RGB) // height * height].reshape(-1, height, 512, 3))
    number = list(range(len(strips)))
    changed = np.concatenate([strips[i] for i in ORDERS[order][0](number)])
    assert displaced_strips(changed, height)
    assert not displaced_strips(RGB, height)


@pytest.mark.parametrize("look", [PURPLE, PINK], ids=["purple", "pink"])
@pytest.mark.parametrize("height", [8, 16, 48, 64, 100])
def test_tissue_continues(look: Look, height: int) -> None:
    pixels = render_tissue((500, 620), figures=0, seed=2, look=look)[0]
    assert not displaced_strips(pixels, height)


def test_tissue_in_a_frame_of_glass_or_black() -> None:
    noise = np.random.default_rng(0)
    pixels = noise.normal(242, 3, (960, 640, 3)).clip(0, 255).astype(np.uint8)
    assert not displaced_strips(pixels, 64)
    pixels[128:768, 64:576] = RGB[:640]
    assert not displaced_strips(pixels, 64)
    pixels[:128] = pixels[768:] = 0
    assert not displaced_strips(pixels, 64)


def test_strips_that_were_left_out_are_not_compared(tiff: Path) -> None:
    write(tiff, RGB, rowsperstrip=64)
    drop_segments(tiff, [1, 3, 6])
    (left_out,) = read_image(tiff).warnings
    assert left_out.startswith("the file leaves out 3 of 11 strips")


@pytest.mark.parametrize("number", [2, 3])
def test_few_strips(number: int) -> None:
    pixels = render_tissue((660, 512), figures=0, seed=5, look=Look(noise=1.0))[0]
    height = len(pixels) // number
    assert not displaced_strips(pixels, height)
    assert displaced_strips(np.roll(pixels, height, axis=0), height)


def test_too_little_to_compare() -> None:
    changed = np.concatenate(RGB[:600, :100].reshape(-1, 100, 100, 3)[::-1])
    assert not displaced_strips(changed, 100)
