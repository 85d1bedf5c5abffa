"""Score an OUTPUT folder of process.py: python -m evaluation.score --help"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from evaluation import ScoringError
from evaluation.bootstrap import RESAMPLES
from evaluation.pool import Pool, pool
from evaluation.run import load_run
from evaluation.scores import by_domain, score_folder
from evaluation.table import format_scores

__all__ = ["format_scores", "main", "score_folder"]

ABOUT = """\
Score the detections of process.py against a ground truth.

A detection within 7.5 µm of a mitotic figure finds it. Each detection finds one figure at most, and
each figure is found once. The official count is evalutils.scorers.score_detection, the MIDOG
challenge's own, at the threshold in each result.json. Its greedy match depends on the order of the
figures, so the largest assignment is reported beside it (F1 opt). "best" is the threshold that
would have been best for these very images: an upper bound, not a result. AP (average precision) and
FROC use no threshold; FROC is the mean sensitivity at 1, 2, 4, 8 and 16 false positives per mm2.

The second table has F1, AP and FROC AUC (up to 8 false positives per image, so at most 8) as the
evaluation of MIDOG 2025 computes them.

Brackets are 95 % bootstrap intervals. Slides are drawn if there are at least four, fields
otherwise: an interval over fields says nothing about other slides.

All figures of an image count as missed if it has no result or its result says "failed"; such images
are listed. Results for images that are not in the ground truth are listed and not scored.
Figures outside a run's regions of interest (--roi) are left out; FROC takes the regions' area.
"""

EXAMPLES = """\
examples:
  ./run.sh images/ out/ && python -m evaluation.score --predictions out --ground-truth truth.json
  python -m evaluation.score --predictions out/ours --compare out/none --ground-truth truth.json
      the same tables for both, and the differences (first minus second) on paired resamples
  python -m evaluation.score --predictions out --ground-truth MIDOG.json --only '0[0-4]*'
      only images 001 to 049

ground truth: MIDOG's annotation JSON (2021, 2022, ++ and 2025), or a file like it:
  {"images": [{"id": 1, "file_name": "A03_02.tif", "width": 2084, "height": 2084}, ...],
   "categories": [{"id": 1, "name": "mitotic figure"}, {"id": 2, "name": "not mitotic figure"}],
   "annotations": [{"image_id": 1, "bbox": [x1, y1, x2, y2], "category_id": 1}, ...]}
  The name of a category decides whether it is the mitotic figure. An image may also have "slide",
  "domain" and "mpp" (µm per pixel). Images and results are paired by the file name without suffix.
"""


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
    add("--ground-truth", type=Path, required=True, metavar="FILE", help="MIDOG's JSON")
    add("--compare", type=Path, metavar="OUT2", help="OUTPUT of another run, on the same images")
    add("--only", default="*", metavar="PATTERN", help="only stems that match, e.g. 'A03*'")
    add("--json", type=Path, metavar="FILE", help="write everything that was computed to FILE")
    add("--figure", type=Path, metavar="FILE", help="draw precision-recall and FROC (matplotlib)")
    add("--resamples", type=int, default=RESAMPLES, help="of the bootstrap (default %(default)s)")
    add("--seed", type=int, default=0, help="of the bootstrap (default %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
