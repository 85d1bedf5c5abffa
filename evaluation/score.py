"""Score an OUTPUT folder of process.py: python -m evaluation.score --help"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation import ScoringError
from evaluation.bootstrap import LEVEL, RESAMPLES, draw, intervals, paired_differences
from evaluation.counts import Counts
from evaluation.matching import RADIUS, match_official, match_optimal
from evaluation.metrics import (
    FROC_DENSITIES,
    Pool,
    average_precision,
    best_operating_point,
    froc,
    official_curve,
    pool,
    ranked_curve,
)
from evaluation.run import Run, load_run
from evaluation.scored_image import ScoredImage
from evaluation.table import format_scores

__all__ = ["format_scores", "main", "score_folder", "score_images"]

ABOUT = """\
Score the detections of process.py against a ground truth.

A detection within 7.5 µm of a mitotic figure finds it; each finds one, each is found once. The
official count is evalutils.scorers.score_detection, the MIDOG challenge's own, at the threshold in
each result.json. Its greedy match depends on the order of the figures, so the largest assignment
stands beside it (F1 opt). "best" is the threshold that would have been best for these very images:
an upper bound, not a result. AP (average precision) and FROC use no threshold; FROC is the mean
sensitivity at 1, 2, 4, 8 and 16 false positives per mm2.

Brackets are 95 % bootstrap intervals. Slides are drawn where there are at least four, fields
otherwise: an interval over fields says nothing about slides that were not seen.

An image of the ground truth without a result, or whose result says "failed", counts with all its
figures missed; it is named. Results for other images are named and left out.
"""

EXAMPLES = """\
examples:
  ./run.sh images/ out/ && python -m evaluation.score --predictions out --ground-truth truth.json
  python -m evaluation.score --predictions out/ours --compare out/none --ground-truth truth.json
      the same table for both, and the differences (first minus second) on paired resamples
  python -m evaluation.score --predictions out --ground-truth MIDOG.json --only '0[0-4]*'
      only images 001 to 049

ground truth: {"images": [{"id": 1, "file_name": "A03_02.tif", "width": 2084, "height": 2084}, ...],
  "annotations": [{"image_id": 1, "bbox": [x1, y1, x2, y2], "category_id": 1}, ...]}
  Category 1 is a mitotic figure, others are not used. An image may also have "slide", "domain" and
  "mpp" (µm per pixel). Images are paired with results by the stem of the file name.
"""


def score_folder(
    output: Path,
    ground_truth: Path,
    *,
    compare: Path | None = None,
    only: str = "*",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """All scores of an OUTPUT folder, ready for JSON (None for what is not defined).

    compare is another OUTPUT folder; only a pattern for the stems of the images, such as "A03*".
    Raises ScoringError where a file cannot be read or no image has a result.
    """
    run = load_run(output, ground_truth, only)
    other = None if compare is None else load_run(compare, ground_truth, only)
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
    """run minus other, per domain and pooled; both are runs on the same ground truth."""
    theirs = by_domain(other.images)
    return {
        "domains": {
            domain: compare_images(images, theirs[domain], resamples, seed)
            for domain, images in by_domain(run.images).items()
        },
        "pooled": compare_images(run.images, other.images, resamples, seed),
    }


def score_images(
    images: Sequence[ScoredImage], resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Pooled scores of some images, with intervals (nan for what is not defined)."""
    pooled = pool(images)
    drawn = draw([image.slide for image in images], resamples, seed)
    best = best_operating_point(official_curve(pooled))
    ranked = ranked_curve(pooled)
    sensitivities = froc(ranked)
    return {
        "images": len(images),
        "figures": int(pooled.figures.sum()),
        "area_mm2": float(pooled.area.sum()),
        "thresholds": sorted({i.threshold for i in images if math.isfinite(i.threshold)}),
        "shipped": _named(Counts(*pooled.official.sum(axis=0))),
        "optimal": _named(Counts(*pooled.optimal.sum(axis=0))),
        "best": {"threshold": best.threshold, **_named(best.counts)},
        "average_precision": average_precision(ranked),
        "froc": {
            "false_positives_per_mm2": list(FROC_DENSITIES),
            "sensitivity": sensitivities.tolist(),
            "mean": float(sensitivities.mean()),
        },
        "interval_unit": drawn.unit,
        "interval_units": drawn.units,
        "intervals": intervals(pooled, drawn),
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


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.resamples < 0:
        parser.error("--resamples: a number of resamples, 0 for no intervals")
    try:
        if options.figure is not None:
            from evaluation import figure  # needs matplotlib, which the container does without
        scores = score_folder(
            options.predictions,
            options.ground_truth,
            compare=options.compare,
            only=options.only,
            resamples=options.resamples,
            seed=options.seed,
        )
        print(format_scores(scores))
        if options.json is not None:
            options.json.write_text(json.dumps(scores, indent=2, allow_nan=False) + "\n")
        if options.figure is not None:
            figure.draw(_pools(options), options.figure)
    except (ScoringError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _pools(options: argparse.Namespace) -> dict[str, Pool]:
    """What the figure shows: both runs where two are compared, else the run and its domains."""
    run = load_run(options.predictions, options.ground_truth, options.only)
    pools = {str(options.predictions): pool(run.images)}
    if options.compare is not None:
        other = load_run(options.compare, options.ground_truth, options.only)
        return pools | {str(options.compare): pool(other.images)}
    domains = by_domain(run.images)
    return pools | {name: pool(images) for name, images in domains.items() if len(domains) > 1}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.score",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--predictions", type=Path, required=True, metavar="OUT", help="OUTPUT of process.py")
    add("--ground-truth", type=Path, required=True, metavar="FILE", help="JSON in MIDOG form")
    add("--compare", type=Path, metavar="OUT2", help="OUTPUT of another run, on the same images")
    add("--only", default="*", metavar="PATTERN", help="only stems that match, e.g. 'A03*'")
    add("--json", type=Path, metavar="FILE", help="write everything that was computed to FILE")
    add("--figure", type=Path, metavar="FILE", help="draw precision-recall and FROC (matplotlib)")
    add("--resamples", type=int, default=RESAMPLES, help="of the bootstrap (default %(default)s)")
    add("--seed", type=int, default=0, help="of the bootstrap (default %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
