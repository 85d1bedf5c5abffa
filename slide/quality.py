"""Whether an image looks like what the detector was made for: H&E, in focus, at its pixel size.

Some numbers are measured on the tissue and compared with limits. The limits lie outside what
`python -m experiments.image_limits DATA` measures on 92 real fields of at least five scanners, so
at most one of them is warned about, and inside what it measures on degraded copies of them. A
verdict warns; nothing is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from slide.channel_shift import channel_shift
from slide.exposure import brightness_range, clipped_share, darkest
from slide.light import evenness
from slide.nuclei import dark_regions, halved, has_lines, radii_um, typical
from slide.row_continuity import row_continuity
from slide.sharpness import fineness, sharpness, sharpness_along
from slide.tissue import Kind, TissueMap

TILE_UM, MIN_TILE_UM = 128.0, 20.0  # side of the squares that are looked at; in small images less
MAX_TILES, GRID = 8, 6  # of GRID x GRID places those with most tissue
MIN_TILE_TISSUE = 0.3
MIN_SIDE_UM = 4.0  # of an image; a small nucleus
MIN_AREA_MM2 = 0.001  # 1000 µm², the smallest piece that counts as tissue
GREEN_MARGIN = 8  # grey levels
MIN_NUCLEI = 20  # fewer say little about their size
# Real fields, then copies: grey, inverted, brown as in immunohistochemistry 0 to 0.01.
MIN_H_AND_E_SHARE = 0.5  # 0.71 and more
# Half of the copies with red and blue exchanged, as some programs store them: 35 to 67.
MAX_BLUENESS = 35  # grey levels; 23 and less
# Copies with red or blue moved by 1 px: 0.75 and more.
MAX_CHANNEL_SHIFT = 0.5  # px; 0.25 and less
# Copies in YCbCr, HSV or HLS that are taken for RGB: below -0.1.
MIN_CHANNEL_AGREEMENT = 0.3  # 0.81 and more; in pieces of 0.003 mm² 0.42 and more
# Copies brightened by 1.3: 0.15 and more, half of them 0.51.
MAX_CLIPPED = 0.15  # 0.06 and less
# 25 of 31 copies of half the contrast, as under a white overlay: 152 and more.
MAX_DARKEST = 152.0  # grey levels; in 902 pieces of 130 to 250 µm 151 and less
# Copies at 0.45 of the contrast, or at half the brightness: 98 and less; half of those at 0.6.
MIN_BRIGHTNESS_RANGE = 105.0  # grey levels; 129 and more, in 453 pieces of 70 to 250 µm 122
# Copies moved by 7 px (1.75 µm) along x or y: 1.37 and less, of ratios of 1.21 and more.
MIN_SHARPNESS_ALONG = 1.42  # 1.5 and more, in these pieces 1.44
MIN_DIRECTION = 1.2  # of the sharper direction by the other
# Copies whose light falls to 60 % along x, or in the corners: 0.66 and less, but for a tenth.
MIN_EVENNESS = 0.8  # 0.93 and more, in 1084 pieces of 128 to 250 µm 1
# Copies blurred by 3 px (0.75 µm): 0.9 to 1.25 and -0.97 to -0.95; by 2 px: 1.1 to 1.5 and -0.92.
MIN_SHARPNESS = 1.4  # 1.53 and more
MIN_FINENESS = -0.895  # -0.87 and more
# Copies read with rows 1 px too long or short have gains of 1.23 and more, but for one field; with
# rows 50 px too long, or width and height exchanged, steps of 3 and more.
MAX_ROW_STEP = 2.5  # 1.76 and less
MAX_ROW_GAIN = 1.1  # 1 in all
# How much nuclei look smaller or larger than usual, in doublings; see Appearance. Copies of half
# the size have more than 2.1, but for 6 of 90; fields scanned at 20x are less fine than reduced
# ones, and fewer may be over the limit. Fields saved as JPEG of quality 75 have up to 2. Of
# copies of twice the size, nearly all count as out of focus or as too large. Little tissue may
# hold nothing but small or large nuclei: pieces of real fields of 0.004 mm² have up to 2.3 and
# 1.6, of 0.012 mm² 1.7 and 1.8, of 0.024 mm² 1.7 and 2.3, of 0.035 mm² and more 1.6 and 1.6.
MAX_SMALLNESS = 2.1  # one of 92 fields, with the smallest nuclei, has 3.2, the others 1.55 and less
MAX_LARGENESS = 1.8  # 1.63 and less
MIN_AREA_OF_SMALL_MM2, MIN_AREA_OF_LARGE_MM2 = 0.012, 0.03
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


def judge(appearance: Appearance) -> list[str]:
    """What is wrong with an image, in words; nothing where it is usable.

    One reason at most: the first makes the later ones unreliable.
    """
    sharpness = appearance.sharpness
    blurred = sharpness is not None and (
        sharpness < MIN_SHARPNESS or (appearance.fineness or 0) < MIN_FINENESS
    )
    moved = (appearance.direction or 0) > MIN_DIRECTION and (
        appearance.least_sharpness or 0
    ) < MIN_SHARPNESS_ALONG
    small = appearance.smallness > MAX_SMALLNESS and appearance.area_mm2 > MIN_AREA_OF_SMALL_MM2
    large = appearance.largeness > MAX_LARGENESS and appearance.area_mm2 > MIN_AREA_OF_LARGE_MM2
    little = appearance.area_mm2 < MIN_AREA_MM2 and appearance.share < 0.5
    reasons = {
        "regions of about 0.001 mm² or less: too small to judge, or not in px of the full image": (
            appearance.inside_mm2 is not None and appearance.inside_mm2 < 1.5 * MIN_AREA_MM2
        ),
        "smaller than a nucleus: too small to judge": (
            appearance.side_um is not None and appearance.side_um < MIN_SIDE_UM
        ),
        "no tissue found: only glass, black or debris": little and not appearance.pen_like,
        "probably not H&E: its colours are not those of haematoxylin and eosin": (
            appearance.pen_like or appearance.h_and_e_share < MIN_H_AND_E_SHARE
        ),
        "less than 0.001 mm² of tissue: too small to judge": appearance.area_mm2 < MIN_AREA_MM2,
        "channels do not vary together: YCbCr or HSV taken for RGB, or out of register": (
            appearance.channel_agreement is not None
            and appearance.channel_agreement < MIN_CHANNEL_AGREEMENT
        ),
        "bluer than H&E: red and blue may be exchanged": (appearance.blueness or 0) > MAX_BLUENESS,
        "uneven light: one side, the corners or the middle are darker": (
            appearance.evenness is not None and appearance.evenness < MIN_EVENNESS
        ),
        "without dark nuclei: faded, overexposed or hardly any cells": (
            (appearance.darkest or 0) > MAX_DARKEST
        ),
        "overexposed: much of the tissue has a colour channel at its brightest": (
            (appearance.clipped or 0) > MAX_CLIPPED
        ),
        "its colour channels are out of register": (
            (appearance.channel_shift or 0) > MAX_CHANNEL_SHIFT
        ),
        "rows do not continue each other: wrong width and height, or blurred by movement": (
            (appearance.row_step or 0) > MAX_ROW_STEP or (appearance.row_gain or 0) > MAX_ROW_GAIN
        ),
        "dark lines cross the tissue, as of a counting grid: focus and nuclei cannot be judged": (
            appearance.lined and (blurred or small or large)
        ),
        "blurred in one direction, as by movement": moved,
        "out of focus, or enlarged from a lower magnification": blurred,
        "low contrast: faded, hazy, underexposed or hardly any cells": (
            appearance.brightness_range is not None
            and appearance.brightness_range < MIN_BRIGHTNESS_RANGE
        ),
        "nuclei look too small for the stated pixel size, or broken up by compression or scaling": (
            small
        ),
        "nuclei look too large for the stated pixel size": large,
    }
    return [reason for reason, holds in reasons.items() if holds][:1]


def measure(pixels: np.ndarray, tissue_map: TissueMap) -> Appearance:
    """Appearance of an image (height, width, 3) uint8 RGB whose tissue is known."""
    appearance = measure_tiles(_tiles(pixels, tissue_map), tissue_map.mpp, tissue_map)
    return appearance._replace(evenness=evenness(tissue_map))


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
        sharpness=float(np.median([sharpness(tile) for tile in tiles])) if tiles else None,
        nuclear_radius_um=typical(radii) if known else None,
        nuclei_per_mm2=len(radii) / area if known else None,
        pen_like=tissue_map.share(Kind.PEN) > tissue_map.share(Kind.TISSUE),
        row_step=row_step,
        row_gain=row_gain,
        darkest=darkest(tiles),
        fineness=float(np.median([fineness(tile) for tile in tiles])) if tiles else None,
        blueness=_blueness(tissue_map),
        channel_shift=channel_shift(tiles),
        clipped=clipped_share(tiles),
        brightness_range=brightness_range(tiles),
        sharpness_along=sharpness_along(tiles) if tiles else None,
        inside_mm2=tissue_map.inside_mm2,
        side_um=min(tissue_map.whole) * tissue_map.mpp,
        lined=any(has_lines(regions, mpp) for regions in dark),
        channel_agreement=(
            float(np.median([_channel_agreement(tile) for tile in tiles])) if tiles else None
        ),
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
