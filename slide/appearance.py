"""What an image looks like: some numbers of its tissue, by which slide/quality.py judges it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from slide.channel_shift import channel_shift
from slide.coloured_glass import even_share
from slide.drawn_marks import marked_pixels
from slide.exposure import brightness_range, clipped_share, darkest, deepest
from slide.grey_levels import changed_levels, cut_off_shares
from slide.light import evenness
from slide.nuclei import dark_regions, halved, has_lines, radii_um, typical
from slide.row_continuity import row_continuity
from slide.sharpness import fineness, sharpness, sharpness_along
from slide.tissue import Kind, TissueMap

TILE_UM, MIN_TILE_UM = 128.0, 20.0  # side of the squares that are looked at; in small images less
MAX_TILES, GRID = 8, 6  # of GRID x GRID places those with most tissue
MIN_TILE_TISSUE = 0.3
GREEN_MARGIN = 8  # grey levels
MIN_NUCLEI = 20  # fewer say little about their size
USUAL_PER_MM2, USUAL_RADIUS_UM, USUAL_SHARPNESS = 6500.0, 2.7, 1.9
USUAL_FINENESS, FINENESS_WEIGHT = -0.76, 6.0


class Appearance(NamedTuple):
    """What an image looks like.

    Attributes:
        area_mm2: of the tissue.
        share: of the image that is tissue.
        h_and_e_share: share of the tissue in which green is the darkest channel, as it is wherever
            eosin or haematoxylin is.
        sharpness: 0.99 quantile of the differences between neighbouring pixels of 0.5 µm, in
            standard deviations of the brightness within 8 µm; None without enough tissue.
        row_step, row_gain: see row_continuity; None like sharpness.
        channel_agreement: smallest correlation between two channels of the differences between
            neighbouring squares of 4x4 px; None likewise.
        channel_shift: how far red or blue is moved against green, px; None likewise.
        blueness: median over the tissue of blue minus red, grey levels; None without tissue.
        darkest: 0.01 quantile of red among means of 2x2 px, in the darkest square; None likewise.
        deepest: 0.0001 quantile of the darkest channel among means of 2x2 px; None likewise.
        brightness_range: grey levels from the darkest to the brightest hundredth; None likewise.
        sharpness_along: like sharpness, between rows and between columns alone; None likewise.
        clipped: share of the coloured pixels that are at a channel's brightest; None likewise.
        fineness: 0.99 quantile of the differences between neighbouring pixels, in doublings of
            that between means of 2x2 pixels; None likewise.
        nuclear_radius_um: typical radius of the dark regions, weighted by area; None where there
            are fewer than MIN_NUCLEI.
        nuclei_per_mm2: number of dark regions by area; None likewise.
        pen_like: whether more of the image has colours of pen marks than looks like tissue.
        inside_mm2: area of the regions of interest; None without any.
        side_um: shorter side of the image; None where it was not measured.
        lined: whether there are lines like those of a counting grid.
        marked: px of the tissue with colours of drawn marks; 0 on slides.
        changed_levels: share of the grey levels with few or many pixels; see slide/grey_levels.py.
        cut_off: shares of the pixels at both ends of the range, of all channels and of any.
        even_share: of the tissue that is as even as glass; 0 on slides.
        evenness: of the light, least by most; None where it was not measured, as on slides.
    """

    area_mm2: float
    share: float
    h_and_e_share: float
    sharpness: float | None
    nuclear_radius_um: float | None
    nuclei_per_mm2: float | None
    pen_like: bool
    row_step: float | None = None
    row_gain: float | None = None
    darkest: float | None = None
    fineness: float | None = None
    channel_agreement: float | None = None
    blueness: float | None = None
    channel_shift: float | None = None
    clipped: float | None = None
    brightness_range: float | None = None
    sharpness_along: tuple[float, float] | None = None
    inside_mm2: float | None = None
    side_um: float | None = None
    lined: bool = False
    evenness: float | None = None
    deepest: float | None = None
    marked: int = 0
    even_share: float = 0.0
    changed_levels: float = 0.0
    cut_off: tuple[float, float] = (0.0, 0.0)

    @property
    def smallness(self) -> float:
        """Doublings of density, halvings of radius, and details finer than those of a microscope.

        0 where nuclei are as usual or unknown.
        """
        if self.nuclear_radius_um is None or self.nuclei_per_mm2 is None:
            return 0.0
        density, radius = self.nuclei_per_mm2 / USUAL_PER_MM2, self.nuclear_radius_um
        fineness = USUAL_FINENESS if self.fineness is None else self.fineness
        finer = FINENESS_WEIGHT * (fineness - USUAL_FINENESS)
        return math.log2(density * USUAL_RADIUS_UM / radius) + finer

    @property
    def largeness(self) -> float:
        """Doublings of radius, and of blur four times: enlarging shows nothing finer."""
        if self.nuclear_radius_um is None or not self.sharpness:
            return 0.0
        radius = self.nuclear_radius_um / USUAL_RADIUS_UM
        return math.log2(radius * (USUAL_SHARPNESS / self.sharpness) ** 4)

    @property
    def least_sharpness(self) -> float | None:
        """Along rows or columns, whichever is less sharp."""
        return None if self.sharpness_along is None else min(self.sharpness_along)

    @property
    def direction(self) -> float | None:
        """How much sharper the other direction is, as a factor."""
        if not self.least_sharpness or self.sharpness_along is None:
            return None
        return max(self.sharpness_along) / self.least_sharpness


def measure(pixels: np.ndarray, tissue_map: TissueMap) -> Appearance:
    """Appearance of an image (height, width, 3) uint8 RGB whose tissue is known."""
    appearance = measure_tiles(_tiles(pixels, tissue_map), tissue_map.mpp, tissue_map)
    return appearance._replace(
        evenness=evenness(tissue_map),
        even_share=even_share(tissue_map),
        marked=marked_pixels(pixels, tissue_map),
    )


def measure_tiles(tiles: Sequence[np.ndarray], mpp: float, tissue_map: TissueMap) -> Appearance:
    """Appearance by some squares (side, side, 3) uint8 RGB at mpp, and by the map of the whole."""
    dark = [dark_regions(tile, mpp) for tile in tiles]
    radii = np.concatenate([radii_um(regions, mpp) for regions in dark] or [np.zeros(0)])
    area = sum(tile[..., 0].size for tile in tiles) * (mpp / 1000) ** 2
    known = len(radii) >= MIN_NUCLEI
    row_step, row_gain = row_continuity(tiles) or (None, None)
    return Appearance(
        area_mm2=tissue_map.area_mm2,
        share=tissue_map.tissue_pixels / math.prod(tissue_map.whole),
        h_and_e_share=_h_and_e_share(tissue_map),
        sharpness=_median(sharpness, tiles),
        nuclear_radius_um=typical(radii) if known else None,
        nuclei_per_mm2=len(radii) / area if known else None,
        pen_like=tissue_map.share(Kind.PEN) > tissue_map.share(Kind.TISSUE),
        row_step=row_step,
        row_gain=row_gain,
        darkest=darkest(tiles),
        fineness=_median(fineness, tiles),
        blueness=_blueness(tissue_map),
        channel_shift=channel_shift(tiles),
        clipped=clipped_share(tiles),
        brightness_range=brightness_range(tiles),
        deepest=deepest(tiles),
        changed_levels=changed_levels(tiles),
        cut_off=cut_off_shares(tiles),
        sharpness_along=sharpness_along(tiles) if tiles else None,
        inside_mm2=tissue_map.inside_mm2,
        side_um=min(tissue_map.whole) * tissue_map.mpp,
        lined=any(has_lines(regions, mpp) for regions in dark),
        channel_agreement=_median(_channel_agreement, tiles),
    )


def _tiles(pixels: np.ndarray, tissue_map: TissueMap) -> list[np.ndarray]:
    """Squares with most tissue, spread over the image."""
    if min(tissue_map.size) * tissue_map.mpp < MIN_TILE_UM:
        return []
    side = round(TILE_UM / tissue_map.mpp)
    height, width = (max(length - side, 0) for length in tissue_map.size)
    tissue, cell = tissue_map.tissue, tissue_map.cell
    places = []
    for top in np.unique(np.linspace(0, height, GRID).astype(int)):
        for left in np.unique(np.linspace(0, width, GRID).astype(int)):
            cells = tissue[top // cell : (top + side) // cell, left // cell : (left + side) // cell]
            places.append((float(cells.mean()) if cells.size else 0.0, top, left))
    best = sorted(places, key=lambda place: -place[0])[:MAX_TILES]
    return [
        pixels[top : top + side, left : left + side]
        for share, top, left in best
        if share >= MIN_TILE_TISSUE
    ]


def _median(number: Callable[[np.ndarray], float], tiles: Sequence[np.ndarray]) -> float | None:
    return float(np.median([number(tile) for tile in tiles])) if tiles else None


def _h_and_e_share(tissue_map: TissueMap) -> float:
    tissue = tissue_map.tissue
    if not tissue.any():
        return 0.0
    red, green, blue = tissue_map.colours[tissue].astype(np.int16).T
    return float((np.minimum(red, blue) - green > GREEN_MARGIN).mean())


def _blueness(tissue_map: TissueMap) -> float | None:
    colours = tissue_map.colours[tissue_map.tissue].astype(np.int16)
    return float(np.median(colours[:, 2] - colours[:, 0])) if len(colours) else None


def _channel_agreement(tile: np.ndarray) -> float:
    steps = [np.diff(halved(halved(channel)), axis=0) for channel in np.moveaxis(tile, -1, 0)]
    if max(step.std() for step in steps) == 0:
        return 1.0  # one colour
    red, green, blue = ((step - step.mean()) / max(float(step.std()), 1e-3) for step in steps)
    return float(min((red * green).mean(), (green * blue).mean(), (red * blue).mean()))
