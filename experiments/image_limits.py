"""What real fields and degraded copies of them look like: the source of the limits in slide/.

Prints, for each set of fields, the extremes of the colours that slide/tissue.py keeps apart from
glass, black and pen, the largest share of dense areas (model/dense_areas.py), and for each kind of
copy the numbers of slide/appearance.py (smallest, median and largest) and how many get which
verdict. Copies are made of a 1000 x 1000 px piece. For slide/interpolation.py and
slide/doubling.py, the same of fields and of enlarged or reduced copies.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
from scipy import ndimage
from skimage.color import hed2rgb, rgb2hed
from tqdm import tqdm

from model.dense_areas import dense_share
from slide.appearance import Appearance, measure
from slide.doubling import doubling
from slide.interpolation import periodicity
from slide.quality import judge
from slide.tissue import MAX_GLASS_DEVIATION, find_tissue, reduce
from slide.windows import windows
from training.samples import read_rgb

SETS = ("fields_a", "fields_h", "fields_tcga", "fields_cmc", "unseen_lab")
MPP = 0.25  # of all, nearly
CELL, PIECE = 16, 1000
CHROMA = (0, 5, 10, 15, 20, 25, 30, 40, 60, 256)
SCALES = (0.9, 1.2, 4 / 3, 1.5, 1.6, 1.75, 2.0)
COLOURS = (
    "green over red",
    "green over blue",
    "blue over red and green",
    "the same as a factor",
    "red over green and blue as a factor",
    "neutral darkness of 3x3",
)
NUMBERS = (
    "h_and_e_share", "darkest", "sharpness", "fineness", "row_step", "row_gain",
    "nuclear_radius_um", "smallness", "largeness", "channel_agreement", "channel_shift",
    "clipped", "brightness_range", "least_sharpness", "direction",
    "evenness", "deepest", "even_share", "changed_levels",
)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m experiments.image_limits", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with fields_a/, fields_h/ …")
    parser.add_argument("--every", type=int, default=4, help="of these fields one is degraded [4]")
    options = parser.parse_args(arguments)
    for name in SETS:
        files = sorted((options.data / name / "images").iterdir())
        seen: dict[str, list[Appearance]] = defaultdict(list)
        colours, even, dense = [], [], []
        periods: dict[float, list[tuple[float, float]]] = defaultdict(list)
        for number, file in enumerate(tqdm(files, desc=name, mininterval=5)):
            pixels = read_rgb(file)
            cells = reduce(pixels, CELL)
            colours.append(extremes(cells))
            even.append(even_windows(cells))
            dense.append(dense_share(find_tissue(pixels, MPP)))
            periods[1.0].append((periodicity(pixels), doubling(pixels)))
            seen["as they are"].append(appearance(pixels))
            if number % options.every == 0:
                for kind, copy in degraded(piece(pixels)):
                    seen[kind].append(appearance(copy))
                for factor in SCALES:
                    copy = scaled(piece(pixels), factor)
                    periods[factor].append((periodicity(copy), doubling(copy)))
        print(f"\n{name}: 2x2 cells have at most")
        for colour, value in zip(COLOURS, np.max(colours, axis=0), strict=True):
            print(f"    {value:6.1f} {colour}")
        print(f"3x3 cells as even as glass, by chroma from {CHROMA}: {np.sum(even, axis=0)}")
        print(f"share of the tissue in dense areas: at most {max(dense):.4f}")
        for factor, values in periods.items():
            ranges = (np.quantile(v, (0, 0.5, 1)) for v in zip(*values, strict=True))
            shown = ("/".join(f"{value:.2f}" for value in limits) for limits in ranges)
            print(f"at {factor:.2f} of the size: periodicity, doubling {', '.join(shown)}")
        print_verdicts(seen)
    return 0


def appearance(pixels: np.ndarray) -> Appearance:
    """What slide.appearance measures."""
    return measure(pixels, find_tissue(pixels, MPP))


def piece(pixels: np.ndarray) -> np.ndarray:
    """The lower left, where fields_cmc has its tissue."""
    return np.ascontiguousarray(pixels[-PIECE:, :PIECE])


def extremes(cells: np.ndarray) -> np.ndarray:
    """Largest values among cells (rows, columns, 3) of what separates pen and black from tissue."""
    red, green, blue = np.moveaxis(cells.astype(np.float32), -1, 0)
    chroma = cells.max(axis=-1).astype(int) - cells.min(axis=-1)
    dark = np.where(chroma <= 30, 255 - cells.max(axis=-1).astype(int), 0)
    others = np.maximum(red, green)
    excess = blue - others, blue / (others + 1), red / (np.maximum(green, blue) + 1)
    values = [ndimage.grey_opening(v, (2, 2)) for v in (green - red, green - blue, *excess)]
    return np.array([v.max() for v in (*values, ndimage.grey_opening(dark, (3, 3)))])


def even_windows(cells: np.ndarray) -> np.ndarray:
    """Number of windows as even as glass, by their chroma."""
    seen = windows(cells)
    return np.histogram(seen.chroma[seen.deviation < MAX_GLASS_DEVIATION], CHROMA)[0]


def degraded(pixels: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Copies with what a verdict must warn about."""
    for sigma in (2, 3, 4):
        yield f"blurred by {sigma} px", ndimage.gaussian_filter(pixels, (sigma, sigma, 0))
    image = PIL.Image.fromarray(pixels)
    yield "grey", np.repeat(np.asarray(image.convert("L"))[..., None], 3, axis=-1)
    yield "inverted", 255 - pixels
    yield "brightened by 1.3", np.minimum(pixels * np.float32(1.3), 255).astype(np.uint8)
    yield "half the brightness", pixels // 2
    yield "0.95 of the brightness", (pixels * 0.95).astype(np.uint8)
    yield "each channel stretched", np.asarray(PIL.ImageOps.autocontrast(image, cutoff=0.5))
    for axis in (0, 1):
        yield f"moved by 7 px along axis {axis}", ndimage.uniform_filter1d(pixels, 7, axis=axis)
    yield "half the contrast", 128 + pixels // 2
    yield "0.8 of the contrast", (51 + 0.8 * pixels).astype(np.uint8)
    across, down = np.meshgrid(np.linspace(0, 1, PIECE), np.linspace(0, 1, PIECE))
    corners = 2 * ((across - 0.5) ** 2 + (down - 0.5) ** 2)
    for name, dark in (("along x", across), ("in the corners", corners)):
        yield f"60 % of the light {name}", (pixels * (1 - 0.4 * dark[..., None])).astype(np.uint8)
    for colours in ("YCbCr", "HSV"):
        yield f"{colours} taken for RGB", np.asarray(image.convert(colours))
    for width in (PIECE - 1, PIECE + 1, PIECE * 3 // 4):
        yield f"rows of {width} px", with_rows_of(pixels, width)
    for channel in (0, 2):
        moved = pixels.copy()
        moved[..., channel] = np.roll(pixels[..., channel], 1, axis=1)
        yield f"channel {channel} moved by 1 px", moved
    yield "brown", brown(pixels)
    for factor in (0.5, 2.0):
        yield f"{factor} times the size", scaled(pixels, factor)


def scaled(
    pixels: np.ndarray,
    factor: float,
    method: PIL.Image.Resampling = PIL.Image.Resampling.BICUBIC,
) -> np.ndarray:
    """Enlarged or reduced by interpolation."""
    size = round(pixels.shape[1] * factor), round(pixels.shape[0] * factor)
    return np.asarray(PIL.Image.fromarray(pixels).resize(size, method))


def with_rows_of(pixels: np.ndarray, width: int) -> np.ndarray:
    """The same bytes (n, width, 3) read with another width."""
    height = pixels.shape[0] * pixels.shape[1] // width
    return pixels.reshape(-1, 3)[: height * width].reshape(height, width, 3)


def brown(pixels: np.ndarray) -> np.ndarray:
    """Recoloured as by immunohistochemistry: brown chromogen on pale blue nuclei."""
    stains = rgb2hed(pixels)
    stains[..., 2] = stains[..., 0] + 0.5 * stains[..., 1]
    stains[..., 0] *= 0.5
    stains[..., 1] = 0
    return np.asarray(np.clip(hed2rgb(stains) * 255, 0, 255).round(), np.uint8)


def print_verdicts(seen: dict[str, list[Appearance]]) -> None:
    """Smallest, median and largest number of each kind of copy, and its verdicts."""
    for kind, appearances in seen.items():
        ranges = []
        for number in NUMBERS:
            values = [v for a in appearances if (v := getattr(a, number)) is not None]
            shown = (
                "/".join(f"{np.quantile(values, q):.3g}" for q in (0, 0.5, 1)) if values else "-"
            )
            ranges.append(f"{number} {shown}")
        low, high = np.quantile([a.cut_off for a in appearances], (0, 1), axis=0)
        ranges.append(
            f"cut off at both ends {low[0]:.1g}/{high[0]:.1g}, {low[1]:.1g}/{high[1]:.1g}"
        )
        print(f"{kind} ({len(appearances)}): {', '.join(ranges)}")
        verdicts = Counter(" ".join(judge(a)) or "usable" for a in appearances)
        print("   ", "; ".join(f"{count} {verdict}" for verdict, count in verdicts.items()))


if __name__ == "__main__":
    sys.exit(main())
