"""Detections drawn into the image, as PNG files."""

from __future__ import annotations

from collections.abc import Iterator

import imagecodecs
import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from batch.layout import OVERLAY_FILE, THUMBNAIL_FILE
from model.detections import MERGE_RADIUS_UM
from report.saved import Saved

THUMBNAIL_SIDE = 1024  # px, the longer one
# Both contrast with pink and purple, and in grey: one is bright and thick, the other thin.
FIGURE_COLOUR = (0, 255, 80)
OTHER_COLOUR = (255, 225, 0)
EDGE_COLOUR = (0, 0, 0)


def overlays(saved: Saved, pixels: np.ndarray) -> Iterator[tuple[str, bytes]]:
    """Name and content of the image in full size and of a thumbnail, with the detections marked.

    Args:
        saved: result of the image.
        pixels: (height, width, 3) uint8 RGB of the image.
    """
    radius = MERGE_RADIUS_UM / saved.mpp[0]
    full = Picture.fromarray(pixels)
    small = shrink(full, THUMBNAIL_SIDE)
    draw(full, saved, radius, labelled=True)
    yield OVERLAY_FILE, _png(np.asarray(full))
    draw(small, saved, max(radius * small.width / full.width, 6), labelled=False)
    yield THUMBNAIL_FILE, _png(np.asarray(small))


def shrink(picture: Picture.Image, side: int) -> Picture.Image:
    """A copy with its longer side at `side` px, or as it is where it is smaller."""
    factor = min(1.0, side / max(picture.size))
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, Picture.Resampling.HAMMING, reducing_gap=2.0)


def draw(picture: Picture.Image, saved: Saved, radius: float, labelled: bool) -> None:
    """Ring the mitotic figures; with labels, also ring the other detections and write the scores.

    radius: of the rings in px of the picture.
    """
    pen = ImageDraw.Draw(picture)
    scale = picture.width / saved.size_px[0]
    font = ImageFont.load_default(max(radius * 0.7, 10))
    for found in reversed(saved.detections if labelled else saved.detections[: saved.figures]):
        figure = found.probability >= saved.threshold
        centre = ((found.x + 0.5) * scale - 0.5, (found.y + 0.5) * scale - 0.5)
        colour, width = (FIGURE_COLOUR, radius / 6) if figure else (OTHER_COLOUR, radius / 16)
        thickness = max(1, round(width))
        pen.circle(centre, radius + 1, outline=EDGE_COLOUR, width=thickness + 2)
        pen.circle(centre, radius, outline=colour, width=thickness)
        if labelled:
            pen.text(
                (centre[0] + 0.7 * radius, centre[1] - 0.7 * radius),
                f"{found.probability:.2f}",
                colour,
                font,
                anchor="lb",
                stroke_width=2,
                stroke_fill=EDGE_COLOUR,
            )


def _png(pixels: np.ndarray) -> bytes:
    """Fast rather than small: only runs of equal bytes are compressed.

    On stained tissue this takes half the time of zlib's default strategy at level 1, and the Paeth
    filter gives a smaller file than Sub.
    """
    png = imagecodecs.PNG
    return bytes(
        imagecodecs.png_encode(pixels, level=1, strategy=png.STRATEGY.RLE, filter=png.FILTER.PAETH)
    )
