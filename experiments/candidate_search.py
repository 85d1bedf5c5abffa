"""Compare settings for candidates on whole fields: figures found, and candidates a field.

Slides A00-A02 of fields_a choose. A figure is found if a candidate lies within 7.5 µm of it.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree
from tqdm import tqdm

from model.candidates import DEFAULT, PAPER, PAPER_LITERAL, CandidateSettings, find_candidates
from model.detections import MERGE_RADIUS_UM
from training.icpr_2012 import FIELD_MPP, PARIS, SELECTION_SLIDES, field_figures, field_images
from training.samples import SourceImage

DEVIATIONS = (0.8, 0.9, 1.0, 1.2, 1.5)
PEAK_DEVIATIONS = (0.0, 1.6, 2.0, 2.4, 3.0)
MIN_AREAS = (16, 28, 40)


class Outcome(NamedTuple):
    """Figures found and mean number of candidates a field."""

    found: int
    candidates: float
    settings: CandidateSettings


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.candidate_search", description=__doc__
    )
    parser.add_argument("data", type=Path, help="folder with fields_a/")
    options = parser.parse_args(arguments)
    images = field_images(options.data, "fields_a", set(SELECTION_SLIDES))
    figures = field_figures(options.data, "fields_a")
    outcomes = [try_settings(s, images, figures) for s in tqdm(grid(), mininterval=5)]
    total = sum(len(figures.get(image.file, ())) for image in images)
    for outcome in sorted(outcomes, key=lambda o: (-o.found, o.candidates)):
        print(f"{outcome.found} of {total}, {outcome.candidates:7.0f} a field: {outcome.settings}")
    return 0


def grid() -> list[CandidateSettings]:
    """The paper's settings and those around the default."""
    full = [
        replace(DEFAULT, deviations=deviations, peak_deviations=peak, min_area=area)
        for deviations, peak, area in itertools.product(DEVIATIONS, PEAK_DEVIATIONS, MIN_AREAS)
    ]
    return [PAPER, PAPER_LITERAL, *full]


def try_settings(
    settings: CandidateSettings, images: list[SourceImage], figures: dict[str, np.ndarray]
) -> Outcome:
    """How the settings do on whole fields; figures are centres (n, 2) px by file name."""
    found = candidates = 0
    for image in images:
        centres = find_candidates(image.pixels, settings)
        candidates += len(centres)
        here = figures.get(image.file, np.zeros((0, 2)))
        if len(here) and len(centres):
            distance, _ = cKDTree(centres).query(here)
            found += int((distance * FIELD_MPP[PARIS] <= MERGE_RADIUS_UM).sum())
    return Outcome(found, candidates / max(len(images), 1), settings)


if __name__ == "__main__":
    sys.exit(main())
