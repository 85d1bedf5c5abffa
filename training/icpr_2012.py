"""Data set adapter: whole fields of ICPR 2012, slides 00 to 03 on two scanners.

A data folder holds `fields_a/` (Aperio XT, slides A00 to A03) and `fields_h/` (Hamamatsu
NanoZoomer, the same tissue as H00 to H03). Slide A03 is validation and is never trained on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from evaluation.ground_truth import MASK_RADIUS
from model.candidates import find_candidates
from training.crops import FIGURE_RADIUS
from training.samples import Samples, SourceImage, away_from, read_rgb
from training.tables import read_table

PARIS = "aperio_xt_paris"
PARIS_HAMAMATSU = "hamamatsu_nanozoomer_paris"  # its mitotic figures are painted: negatives only
FIELD_MPP = {PARIS: 0.2456, PARIS_HAMAMATSU: 0.2275}
# Slides that may choose: the threshold, settings, and in a second stage of training the weights.
SELECTION_SLIDES = ("A00", "A01", "A02")
VALIDATION_SLIDES = ("A03",)
PAINT_RADIUS = MASK_RADIUS
_NO_FIGURES = np.zeros((0, 2))


def field_images(data: Path, folder: str, slides: Iterable[str]) -> list[SourceImage]:
    """Whole fields of the given slides ("A00" … in fields_a, "H00" … in fields_h)."""
    domain = PARIS if folder == "fields_a" else PARIS_HAMAMATSU
    wanted = set(slides)
    paths = sorted((data / folder / "images").glob("*.jpg"))
    chosen = [path for path in paths if path.stem[:3] in wanted]
    return [SourceImage(read_rgb(path), path.name, path.stem[:3], domain) for path in chosen]


def field_figures(data: Path, folder: str) -> dict[str, np.ndarray]:
    """Centres (n, 2) px of the mitotic figures (in fields_h: the painted ones) by file name."""
    table = "mitoses.csv" if folder == "fields_a" else "painted_mitoses.csv"
    figures = defaultdict(list)
    for row in read_table(data / folder / table):
        figures[row["image"]].append((float(row["x"]), float(row["y"])))
    return {name: np.array(centres) for name, centres in figures.items()}


def add_fields(
    samples: Samples, data: Path, slides: Iterable[str], *, figures_as_positives: bool = True
) -> None:
    """Add whole fields: the figures of fields_a, and every candidate away from one as negative.

    The fields of fields_h show the same tissue: slide H00 goes with A00. Their figures cannot be
    seen, so they stay out of the scanner loss, which would learn the class instead.
    """
    wanted = set(slides)
    figures = field_figures(data, "fields_a")
    for image in field_images(data, "fields_a", wanted):
        here = figures.get(image.file, _NO_FIGURES)
        if figures_as_positives:
            samples.add(image, here, mitotic=True)
        negatives = away_from(here, find_candidates(image.pixels), FIGURE_RADIUS)
        samples.add(image, negatives, mitotic=False)
    painted = field_figures(data, "fields_h")
    for image in field_images(data, "fields_h", {"H" + slide[1:] for slide in wanted}):
        here = painted.get(image.file, _NO_FIGURES)
        negatives = away_from(here, find_candidates(image.pixels), PAINT_RADIUS)
        samples.add(image, negatives, mitotic=False, in_domain=False)
