"""Choose the threshold out of fold: each slide is scored by a network that has not seen it.

A threshold chosen on balanced patches is far too low for whole fields, where negatives outnumber
mitotic figures by hundreds to one, and one chosen on slides the network has learnt is too high.
A run trained with --midog has validation images, which it has not learnt: they choose (--run RUN).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from batch.output import write_json
from evaluation.bootstrap import draw
from evaluation.metrics import (
    best_operating_point,
    best_threshold,
    official_curve,
    pool,
    summary,
)
from evaluation.scored_image import ScoredImage
from model.adaptation.calibration import HALF_TRUSTED, QUANTILE, Calibration, log_odds
from training.averaging import released_network
from training.field_scores import score_fields
from training.icpr_2012 import FIELD_MPP, PARIS, SELECTION_SLIDES, field_figures, field_images
from training.midog_data import MidogChoice
from training.runs import load_run

START = -1.5  # reference from which that of the calibration is found
RESAMPLES = 200


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.threshold", description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", help="folder with fields_a/")
    parser.add_argument(
        "folds",
        type=Path,
        nargs="*",
        help="runs that score the slides they left out: one on the crops alone, or folds",
    )
    parser.add_argument("--run", type=Path, help="instead: a run of training.train --midog")
    parser.add_argument("--json", type=Path, required=True, help="file to write")
    options = parser.parse_args(arguments)
    if bool(options.run) == bool(options.folds):
        parser.error("either DATA and FOLDS, or --run RUN")
    chosen = (
        choose_on_validation(options.run)
        if options.run
        else choose_threshold(options.data, options.folds)
    )
    write_json(options.json, chosen)
    print(
        f"threshold {chosen['threshold']:.4f} on {chosen['figures']} figures of "
        f"{', '.join(chosen['slides'])}"
    )
    for name in ("without_calibration", "calibrated"):
        print(f"{name}: pooled F1 {chosen[name]['f1']:.3f}, AP {chosen[name]['ap']:.3f}")
    return 0


def choose_threshold(data: Path, folds: list[Path]) -> dict[str, Any]:
    """The threshold of the folds, see `choose`.

    Raises:
        ValueError: a run left out no slide, or one that another left out too.
    """
    return choose(lambda calibrations: score_folds(data, folds, calibrations))


def choose_on_validation(run: Path) -> dict[str, Any]:
    """The threshold of a MIDOG run's validation images, see `choose`."""
    network, (_, told) = released_network(run), load_run(run)
    data = MidogChoice.of_run(told).load()
    stored = data.stored(data.validation)
    rule = "largest pooled F1 over the validation images, which the network was not trained on"

    def score(calibrations: Sequence[Calibration | None]) -> list[list[ScoredImage]]:
        scored: list[list[ScoredImage]] = [[] for _ in calibrations]
        for image in stored:
            figures = {image.source.file: image.place(image.annotated.figures)}
            here = score_fields(
                network,
                [image.source],
                figures,
                image.mpp[0],
                calibrations,
                data.choice.candidates,
            )
            for rows, more in zip(scored, here, strict=True):
                rows += more
        return scored

    return {"rule": f"{rule}; mean of its log odds over resamples of the images"} | choose(score)


def choose(
    score: Callable[[Sequence[Calibration | None]], list[list[ScoredImage]]],
) -> dict[str, Any]:
    """One threshold for scores with and without calibration, and what it was chosen on.

    The reference of the calibration is set so that both have the same best threshold.
    """
    plain, calibrated = score((None, Calibration(START)))
    threshold = best_on_average(plain)
    reference = START + log_odds(threshold) - log_odds(best_on_average(calibrated))
    _, calibrated = score((None, Calibration(float(reference))))
    return {
        "threshold": threshold,
        "slides": sorted({str(image.slide) for image in plain}),
        "figures": int(pool(plain).figures.sum()),
        "without_calibration": _scores(plain, threshold),
        "calibrated": _scores(calibrated, threshold),
        "calibration": {
            "quantile": QUANTILE,
            "half_trusted": HALF_TRUSTED,
            "reference": float(reference),
        },
    }


def score_folds(
    data: Path, folds: list[Path], calibrations: Sequence[Calibration | None]
) -> list[list[ScoredImage]]:
    """All whole fields, each by the run that left out its slide, under each calibration.

    A run on the crops alone has left out all slides.

    Raises:
        ValueError: a run left out no slide, or one that another left out too.
    """
    left_out = [set(SELECTION_SLIDES) - set(load_run(f)[1]["whole_field_slides"]) for f in folds]
    for number, (fold, out) in enumerate(zip(folds, left_out, strict=True)):
        if not out:
            raise ValueError(f"{fold} left out no slide, so it can score none")
        if again := sorted(out & set().union(*left_out[:number])):
            raise ValueError(f"{fold} left out {again}, as a run before it did")
    figures = field_figures(data, "fields_a")
    scored: list[list[ScoredImage]] = [[] for _ in calibrations]
    for fold, out in zip(folds, left_out, strict=True):
        fields = field_images(data, "fields_a", out)
        network = released_network(fold)
        here = score_fields(network, fields, figures, FIELD_MPP[PARIS], calibrations)
        for rows, more in zip(scored, here, strict=True):
            rows += more
    return scored


def best_on_average(images: list[ScoredImage]) -> float:
    """The threshold of the largest pooled F1, averaged in log odds over resamples of the fields.

    F1 hardly changes over a wide range of thresholds, so that its very largest value lies anywhere
    in it; the mean over resamples (bagging, Breiman 1996) lies in the middle.
    """
    pooled = pool(images)
    weights = draw([None] * len(images), RESAMPLES).weights
    best = [best_operating_point(official_curve(pooled, w.astype(float))) for w in weights]
    thresholds = np.array([point.threshold for point in best if np.isfinite(point.threshold)])
    if len(thresholds) == 0:
        return best_operating_point(official_curve(pooled)).threshold
    return float(expit(log_odds(thresholds).mean()))


def _scores(images: list[ScoredImage], threshold: float) -> dict[str, Any]:
    """Pooled F1 and AP at the threshold, and of each slide the threshold that would be best."""
    images = [image._replace(threshold=threshold) for image in images]
    by_slide = {}
    for slide in sorted({str(image.slide) for image in images}):
        best = best_threshold([image for image in images if image.slide == slide])
        by_slide[slide] = {"best_threshold": best.threshold, "best_f1": best.counts.f1}
    return {**{name: summary(pool(images))[name] for name in ("f1", "ap")}, "by_slide": by_slide}


if __name__ == "__main__":
    sys.exit(main())
