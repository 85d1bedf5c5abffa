"""Scores of a folder of results, of its domains and of its images, ready for JSON."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation import ScoringError
from evaluation.bootstrap import LEVEL, RESAMPLES, draw, intervals, paired_differences
from evaluation.challenge_metrics import box_average_precision, froc_auc
from evaluation.counts import Counts
from evaluation.matching import RADIUS, match_official, match_optimal
from evaluation.metrics import FROC_DENSITIES, average_precision, best_operating_point, froc
from evaluation.pool import Pool, official_curve, pool, ranked_curve
from evaluation.run import Run, load_run
from evaluation.scored_image import ScoredImage


def score_folder(
    output: Path,
    ground_truth: Path,
    *,
    compare: Path | None = None,
    only: str = "*",
    with_missing: bool = True,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """All scores of an OUTPUT folder, ready for JSON (None for what is not defined).

    compare is another OUTPUT folder; only a pattern for the stems of the images, such as "A03*".
    with_missing: whether annotated images that the run does not list count as missed.
    Raises ScoringError where a file cannot be read or no image has a result.
    """
    run = load_run(output, ground_truth, only, with_missing)
    other = None if compare is None else load_run(compare, ground_truth, only, with_missing)
    scores = {
        "predictions": str(output),
        "compare": None if compare is None else str(compare),
        "ground_truth": str(ground_truth),
        "radius_mm": RADIUS,
        "bootstrap": {"level": LEVEL, "resamples": resamples, "seed": seed},
        **score_run(run, resamples, seed),
    }
    if other is not None:
        scores["comparison"] = {
            "run": score_run(other, resamples, seed),
            "differences": compare_runs(run, other, resamples, seed),
        }
    plain: dict[str, Any] = _plain(scores)
    return plain


def score_run(run: Run, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Any]:
    """Scores per image, per domain and pooled, and what was missing."""
    return {
        "missing": run.missing,
        "failed": run.failed,
        "left_out": run.left_out,
        "notes": run.notes,
        "images": [_score_image(image) for image in run.images],
        "domains": {
            domain: score_images(images, resamples, seed)
            for domain, images in by_domain(run.images).items()
        },
        "pooled": score_images(run.images, resamples, seed),
    }


def compare_runs(run: Run, other: Run, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Any]:
    """run minus other, per domain and pooled; both are runs on the same ground truth.

    Raises ScoringError where the two analysed different regions of an image.
    """
    _check_regions(run, other)
    theirs = by_domain(other.images)
    return {
        "domains": {
            domain: compare_images(images, theirs[domain], resamples, seed)
            for domain, images in by_domain(run.images).items()
        },
        "pooled": compare_images(run.images, other.images, resamples, seed),
    }


def _check_regions(run: Run, other: Run) -> None:
    without = {*run.missing, *run.failed, *other.missing, *other.failed}
    for ours, theirs in zip(run.images, other.images, strict=True):
        if ours.name not in without and ours.analysed != theirs.analysed:
            raise ScoringError(
                f"{ours.name}: the two runs analysed different regions of interest, so their "
                "scores cannot be compared"
            )


def score_images(
    images: Sequence[ScoredImage], resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Pooled scores of some images, with intervals (nan for what is not defined)."""
    pooled = pool(images)
    drawn = draw([image.slide for image in images], resamples, seed)
    return {
        "images": len(images),
        "figures": int(pooled.figures.sum()),
        "area_mm2": float(pooled.area.sum()),
        "thresholds": sorted({i.threshold for i in images if math.isfinite(i.threshold)}),
        **_pooled_scores(pooled),
        "interval_unit": drawn.unit,
        "interval_units": drawn.units,
        "intervals": intervals(pooled, drawn),
    }


def _pooled_scores(pooled: Pool) -> dict[str, Any]:
    """The scores at the shipped threshold, at the best one, and over all thresholds."""
    best = best_operating_point(official_curve(pooled))
    ranked = ranked_curve(pooled)
    shipped, sensitivities = Counts(*pooled.official.sum(axis=0)), froc(ranked)
    return {
        "shipped": _named(shipped),
        "optimal": _named(Counts(*pooled.optimal.sum(axis=0))),
        "best": {"threshold": best.threshold, **_named(best.counts)},
        "average_precision": average_precision(ranked),
        "froc": {
            "false_positives_per_mm2": list(FROC_DENSITIES),
            "sensitivity": sensitivities.tolist(),
            "mean": float(sensitivities.mean()),
        },
        "midog_2025": {
            "f1": shipped.f1,
            "average_precision": box_average_precision(pooled),
            "froc_auc": froc_auc(pooled),
        },
    }


def compare_images(
    images: Sequence[ScoredImage],
    others: Sequence[ScoredImage],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """For each metric value, low and high of images minus others, the same images of two runs."""
    assert [image.name for image in images] == [image.name for image in others], "not paired"
    drawn = draw([image.slide for image in images], resamples, seed)
    differences = paired_differences(pool(images), pool(others), drawn)
    return {metric: difference._asdict() for metric, difference in differences.items()}


def by_domain(images: Sequence[ScoredImage]) -> dict[str, list[ScoredImage]]:
    """The images of each domain, domains in alphabetical order."""
    domains = sorted({image.domain for image in images})
    return {domain: [image for image in images if image.domain == domain] for domain in domains}


def _score_image(image: ScoredImage) -> dict[str, Any]:
    return {
        "name": image.name,
        "domain": image.domain,
        "slide": image.slide,
        "figures": len(image.figures),
        "threshold": image.threshold,
        "shipped": _named(match_official(image)),
        "optimal": _named(match_optimal(image)),
        "average_precision": average_precision(ranked_curve(pool([image]))),
    }


def _named(counts: Counts) -> dict[str, float]:
    whole = {name: int(count) for name, count in counts._asdict().items()}
    return {**whole, "precision": counts.precision, "recall": counts.recall, "f1": counts.f1}


def _plain(value: Any) -> Any:
    """Strict JSON has neither nan nor infinity: both become None."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
