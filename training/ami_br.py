"""Data set adapter: crops around mitotic figures (AMi-Br) and whole fields (ICPR 2012).

The folder holds `crops/`, `fields_a/` and `fields_h/` with the tables named below. Other data
sets get an adapter of their own that fills the same `Samples`.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

from evaluation.ground_truth import MASK_RADIUS
from model.candidates import find_candidates
from training.samples import Samples, SourceImage, read_rgb

PARIS = "aperio_xt_paris"
PARIS_HAMAMATSU = "hamamatsu_nanozoomer_paris"  # no mitotic figures to be seen: negatives only
CROP_DOMAINS = {
    "hamamatsu_xr": "hamamatsu_xr_utrecht",
    "hamamatsu_s360": "hamamatsu_s360_utrecht",
    "aperio_cs2": "aperio_cs2_utrecht",
    "aperio_xt": "aperio_xt_utrecht",
    "leica_scn400": "leica_scn400_netherlands",
}
FIELD_MPP = {PARIS: 0.2456, PARIS_HAMAMATSU: 0.2275}
MAX_BLACK_PADDING = 0.05
CROP_CENTRE = 64.0  # px: the figure's position in a 128 px crop
# Positions this near to a figure are neither class: 7.5 µm at the training resolution.
FIGURE_RADIUS = 30.0
PAINT_RADIUS = MASK_RADIUS


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file with a header."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def add_crops(samples: Samples, data: Path, *, slides_out: frozenset[str] = frozenset()) -> None:
    """Add the crops: each figure, and as negatives the other candidates around it.

    A negative lies nearer to the crop's border than a figure does, so its window is mirrored
    there. Figures are given the borders of negatives at random when they are drawn (see
    `training.batches`), or the mirror would tell the classes apart.
    """
    others = defaultdict(list)
    for row in read_table(data / "crops" / "other_annotations.csv"):
        others[row["file"]].append((float(row["px"]), float(row["py"])))
    for row in read_table(data / "crops" / "manifest.csv"):
        domain = CROP_DOMAINS[row["scanner"]]
        slide = f"{row['dataset']}_{row['slide']}"
        if domain not in samples.domains or slide in slides_out:
            continue
        if float(row["black_padding_frac"]) > MAX_BLACK_PADDING:
            continue
        pixels = read_rgb(data / "crops" / "patches" / row["file"])
        image = SourceImage(pixels, row["file"], slide, domain)
        figure = np.array([[CROP_CENTRE, CROP_CENTRE]])
        samples.add(image, figure, mitotic=True)
        taken = np.concatenate([figure, np.reshape(others[row["file"]], (-1, 2))])
        samples.add(image, _away(find_candidates(pixels), taken, FIGURE_RADIUS), mitotic=False)
    _set_crop_borders(samples)


def _set_crop_borders(samples: Samples) -> None:
    sides = [samples.images[i].pixels.shape[1::-1] for i in samples.image]
    width, height = np.array(sides, np.float32).T
    x, y = samples.centres.T
    samples.borders = np.stack([x, width - 1 - x, y, height - 1 - y], axis=1).astype(np.float32)


def field_images(data: Path, folder: str, slides: set[str]) -> list[SourceImage]:
    """Whole fields of the given slides ("A00" … in fields_a, "H00" … in fields_h)."""
    domain = PARIS if folder == "fields_a" else PARIS_HAMAMATSU
    paths = sorted((data / folder / "images").glob("*.jpg"))
    chosen = [path for path in paths if path.stem[:3] in slides]
    return [SourceImage(read_rgb(path), path.name, path.stem[:3], domain) for path in chosen]


def field_figures(data: Path, folder: str) -> dict[str, np.ndarray]:
    """Centres (n, 2) of the mitotic figures (in fields_h: of the painted ones) by file name."""
    table = "mitoses.csv" if folder == "fields_a" else "painted_mitoses.csv"
    figures = defaultdict(list)
    for row in read_table(data / folder / table):
        figures[row["image"]].append((float(row["x"]), float(row["y"])))
    return {name: np.array(centres) for name, centres in figures.items()}


def add_fields(
    samples: Samples, data: Path, slides: set[str], *, figures_as_positives: bool = True
) -> None:
    """Add whole fields: the figures of fields_a, and every candidate away from one as negative.

    The fields of fields_h are the same tissue on another scanner: slide H00 goes with A00. They
    show no figures, so they stay out of the scanner loss, which would learn the class instead.
    """
    figures = field_figures(data, "fields_a")
    for image in field_images(data, "fields_a", slides):
        here = figures.get(image.file, np.zeros((0, 2)))
        if figures_as_positives:
            samples.add(image, here, mitotic=True)
        negatives = _away(find_candidates(image.pixels), here, FIGURE_RADIUS)
        samples.add(image, negatives, mitotic=False)
    painted = field_figures(data, "fields_h")
    for image in field_images(data, "fields_h", {"H" + slide[1:] for slide in slides}):
        here = painted.get(image.file, np.zeros((0, 2)))
        negatives = _away(find_candidates(image.pixels), here, PAINT_RADIUS)
        samples.add(image, negatives, mitotic=False, in_domain=False)


def _away(centres: np.ndarray, figures: np.ndarray, radius: float) -> np.ndarray:
    """The centres that lie farther than radius from every figure."""
    if len(figures) == 0 or len(centres) == 0:
        return centres
    distance = np.linalg.norm(centres[:, None] - figures[None], axis=2)
    return centres[distance.min(axis=1) > radius]
