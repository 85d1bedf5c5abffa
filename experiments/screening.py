"""What the screen rejects: FIELDS, from training.prepare.

For every field the candidates are scored by the full network, in one view and in eight, whether the
screen passes them or not. Printed for each slide: the share of the candidates that passes, the
annotated figures that the full network reports and the screen rejects, and the candidates that a
calibration could bring over the threshold and the screen rejects.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from evaluation import ScoringError
from experiments.cases import Case, find_cases
from model.adaptation.calibration import Calibration, log_odds, shifted
from model.detections import MERGE_RADIUS_UM, MIN_PROBABILITY
from model.detector import Detector
from model.patches import PatchCutter
from model.scoring import score
from model.screen import Screen
from slide.resample import resample


class Screened(NamedTuple):
    """An image's candidates (n,), by the full network and by the screen.

    Attributes:
        calibrated: (n,) probabilities by the full network in all views, calibrated.
        passed: (n,) bool.
        near: (n, m) bool, whether they lie within the challenge's radius of each figure.
        level: change of the calibration's quantile of log odds by the screen.
    """

    calibrated: np.ndarray
    passed: np.ndarray
    near: np.ndarray
    level: float


class Losses(NamedTuple):
    """What the screen rejects in some images.

    Attributes:
        passed: share of the candidates.
        reported, found: figures that are reported, and that are given any probability, by the full
            network; each with the number of those that the screen rejects.
        level: mean change of the calibration's quantile.
    """

    passed: float
    reported: tuple[int, int]
    found: tuple[int, int]
    level: float


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.screening",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("fields", type=Path, help="folder of images and ground_truth.json")
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="[%(default)s]")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="stems of images [*]")
    options = parser.parse_args(arguments)
    try:
        cases = find_cases(options.fields, options.only)
        detector = Detector.load(weights=options.weights, adaptation="none")
    except (ScoringError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if detector.screen is None:
        print(f"error: {options.weights} has no screen", file=sys.stderr)
        return 2
    by_slide = defaultdict(list)
    for case in tqdm(cases, desc="images", mininterval=5):
        by_slide[case.image[:3]].append(screened(detector, detector.screen, case))
    Console().print(table(by_slide, detector.settings.threshold))
    return 0


def screened(detector: Detector, screen: Screen, case: Case) -> Screened:
    """An image's candidates with and without the screen."""
    field = case.read()
    image = resample(field.pixels, field.mpp)
    centres = detector.find_candidates(image.pixels)
    target = detector.target_domain(image.pixels, centres, screened=False)
    full = score(detector.network, target).probabilities
    passed = screen.passes(PatchCutter(image.pixels).cut(centres)).numpy()
    calibration = detector.settings.calibration or Calibration(0.0)
    levels = [calibration.level(log_odds(p)) for p in (full, np.where(passed, full, 0.0))]
    um = [points * field.mpp for points in (image.to_input(centres), case.annotated.figures)]
    near = np.linalg.norm(um[0][:, None] - um[1][None], axis=2) <= MERGE_RADIUS_UM
    return Screened(shifted(full, calibration.shift(full)), passed, near, levels[1] - levels[0])


def losses(images: Iterable[Screened], threshold: float) -> Losses:
    """What the screen rejects in images at a threshold of the probability."""
    images = list(images)
    return Losses(
        float(np.concatenate([image.passed for image in images]).mean()),
        _figures(images, threshold),
        _figures(images, MIN_PROBABILITY),
        float(np.mean([image.level for image in images])),
    )


def _figures(images: list[Screened], least: float) -> tuple[int, int]:
    """Figures with a candidate of at least this probability; those without one that passes."""
    total = lost = 0
    for image in images:
        found = image.near & (image.calibrated >= least)[:, None]
        kept = found & image.passed[:, None]
        total += int(found.any(axis=0).sum())
        lost += int((found.any(axis=0) & ~kept.any(axis=0)).sum())
    return total, lost


def table(by_slide: dict[str, list[Screened]], threshold: float) -> Table:
    """The losses of each slide."""
    made = Table("slide", "images", "passed", "figures reported", "figures found", "level")
    for slide, images in by_slide.items():
        lost = losses(images, threshold)
        figures = [f"{total}, {rejected} rejected" for total, rejected in (lost[1], lost[2])]
        row = [slide, str(len(images)), f"{lost.passed:.1%}", *figures, f"{lost.level:+.2f}"]
        made.add_row(*row)
    return made


if __name__ == "__main__":
    sys.exit(main())
