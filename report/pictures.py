"""Pictures inside the page: an overview of the image and crops of its detections."""

from __future__ import annotations

import base64
import io
from typing import NamedTuple

from PIL import Image as Picture

from report.overlay import shrink
from report.regions import RegionReader, shrunk
from report.saved import Saved

CROP_UM = 32.0  # a mitotic figure, 10 to 20 µm, and its neighbours
CROP_SIDE = 128  # px
GLASS = (244, 244, 244)  # where a crop exceeds the image
# The images of a page share its crops and overview pixels, so that a page of a hundred images stays
# below 50 MiB and opens in two seconds.
CROPS_A_PAGE = 2400
CROPS_AN_IMAGE = (12, 96)  # at least, at most
FEWEST_MISSES, MISSES_A_FIGURE = 24, 2
OVERVIEW_PIXELS_A_PAGE = 80e6
OVERVIEW_SIDE = (400, 1100)  # px, the longer one, at least, at most


class Shown(NamedTuple):
    """A detection that the page shows.

    Attributes:
        number: its rank by probability in the image, from 1.
        x, y: px of the image.
        probability, before: with and without adaptation.
        figure: whether it reaches the threshold.
        picture: data URI of its crop; None without the image.
    """

    number: int
    x: float
    y: float
    probability: float
    before: float
    figure: bool
    picture: str | None


def crops_an_image(images: int) -> int:
    """How many detections of each image a page of so many images shows."""
    least, most = CROPS_AN_IMAGE
    return max(least, min(most, CROPS_A_PAGE // max(images, 1)))


def overview_side(images: int) -> int:
    """The longer side in px of the overviews on a page of so many images."""
    least, most = OVERVIEW_SIDE
    return int(max(least, min(most, round((OVERVIEW_PIXELS_A_PAGE / max(images, 1)) ** 0.5))))


def cells_of(saved: Saved, images: int) -> list[int]:
    """Indices of the detections that a page of so many images offers for review.

    All mitotic figures, and the misses that are shown.
    """
    return sorted({*range(saved.figures), *_chosen(saved, crops_an_image(images))})


def shown_detections(saved: Saved, image: RegionReader | None, most: int) -> list[Shown]:
    """The most probable mitotic figures and the nearest misses."""
    shown = []
    for index in _chosen(saved, most):
        found = saved.detections[index]
        centre = (found.x, found.y)
        crop = None if image is None else _crop(image, centre, saved.mpp)
        scores = (found.probability, found.probability_without_adaptation)
        shown.append(Shown(index + 1, *centre, *scores, index < saved.figures, crop))
    return shown


def _chosen(saved: Saved, most: int) -> list[int]:
    """Indices of the detections that are shown.

    At least a third of them are misses, but no more than MISSES_A_FIGURE for each figure: the
    hundreds below them do not look like mitotic figures.
    """
    figures = saved.figures
    enough = max(FEWEST_MISSES, MISSES_A_FIGURE * figures)
    misses = min(len(saved.detections) - figures, max(most // 3, most - figures), enough)
    return [*range(min(figures, most - misses)), *range(figures, figures + misses)]


def overview(image: RegionReader, side: int) -> str:
    """The image as a data URI, with its longer side at `side` px or, if smaller, as it is."""
    halvings = max((max(image.size) // side).bit_length() - 1, 0)
    pixels = image.read(0, 0, *shrunk(image.size, halvings), halvings)
    return data_uri(shrink(Picture.fromarray(pixels), side), quality=55)


def _crop(image: RegionReader, centre: tuple[float, float], mpp: tuple[float, float]) -> str:
    """CROP_UM around a point, data URI."""
    half = [CROP_UM / 2 / axis for axis in mpp]
    low = [round(c + 0.5 - h) for c, h in zip(centre, half, strict=True)]
    high = [at + max(1, round(2 * h)) for at, h in zip(low, half, strict=True)]
    left, top = (max(at, 0) for at in low)
    right, bottom = (min(at, side) for at, side in zip(high, image.size, strict=True))
    crop = Picture.new("RGB", (high[0] - low[0], high[1] - low[1]), GLASS)
    if right > left and bottom > top:
        inside = image.read(left, top, right - left, bottom - top, 0)
        crop.paste(Picture.fromarray(inside), (left - low[0], top - low[1]))
    return data_uri(crop.resize((CROP_SIDE, CROP_SIDE), Picture.Resampling.BICUBIC), quality=72)


def data_uri(picture: Picture.Image, quality: int) -> str:
    """A picture as the address of its WebP content. quality: 0 to 100."""
    content = io.BytesIO()
    picture.save(content, "WEBP", quality=quality, method=2)
    return "data:image/webp;base64," + base64.b64encode(content.getvalue()).decode()
