"""Run adaptations over annotated images, and score each.

Every arm starts from the same shipped weights, has the same candidates and the same seed. Results
are kept image by image, so an interrupted run continues. Candidates within 45 px of a painted
figure (category 3) are left out: such fields count false positives only.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from evaluation import ScoringError
from experiments import quick
from experiments.ablation_table import write_scores
from experiments.arm_scores import ArmScore, summarise
from experiments.arms import load_setup, trials
from experiments.cases import Case, find_cases
from experiments.options import add_arm_options, add_field_options
from experiments.prior_threshold import prior_threshold
from experiments.results import Results
from experiments.runs import missing_trials, run_missing
from experiments.schedules import SHORT
from model.adaptation.registry import DEFAULT_ADAPTATION
from model.weights import load_card
from training.threshold import CANDIDATE_SHARE

EXAMPLES = """\
examples:
  python -m training.prepare DATA FIELDS
  python -m experiments.ablation FIELDS OUT --only 'A0[0-2]*' --scanners choosing
  python -m experiments.ablation FIELDS OUT --only '[AH]0[0-2]*' --threshold-by-slide
  python -m experiments.ablation FIELDS OUT --arms none dann --seeds 0 1 2
  python -m experiments.ablation FIELDS OUT --arms none paper --schedule paper short --limit 3
  python -m experiments.ablation FIELDS OUT --quick

FIELDS holds images, at any depth, and ground_truth.json in MIDOG's format. Only annotations of
category 1, mitotic figures, and 3, painted over, are used. OUT receives results.jsonl, table.md and
figure.png.
"""


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    options = _options(arguments)
    try:
        cases = find_cases(options.fields, options.only, options.scanners, options.limit)
        if options.quick:
            cases = quick.few_cases(cases)
        setup = load_setup(options.weights, options.source_bank, guarded=not options.unguarded)
        results = Results(options.out, setup.description())
        wanted = trials(options.arms, options.seeds, options.schedule)
        run_missing(setup, missing_trials(cases, wanted, results.rows), results)
        scores = _scores(options, cases, results)
        write_scores(scores, options.out)
    except (ScoringError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    complaints = quick.complaints(scores) if options.quick else []
    for line in complaints:
        print(f"error: {line}", file=sys.stderr)
    return 1 if complaints else 0


def _scores(options: argparse.Namespace, cases: Sequence[Case], results: Results) -> list[ArmScore]:
    truth = {case.annotated.stem: case.annotated for case in cases}
    card = load_card(options.weights)
    threshold = None if options.threshold_by_slide else card.threshold
    return summarise(results.rows, truth, threshold, prior_threshold(card, options.candidate_prior))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.ablation",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add_field_options(parser)
    add("--limit", type=int, metavar="N", help="take the first N of them")
    add(
        "--threshold-by-slide",
        action="store_true",
        help="give each arm the threshold that is best for it on the other slides, as they are, "
        "instead of the card's",
    )
    add(
        "--candidate-prior",
        type=float,
        default=CANDIDATE_SHARE,
        metavar="SHARE",
        help="mitotic share of candidates that one of the thresholds is corrected to [%(default)s]",
    )
    add(
        "--quick",
        action="store_true",
        help=f"minutes: {', '.join(quick.ARMS)} with the short schedule on a field of each of "
        f"{quick.SLIDES} slides; status 1 if {DEFAULT_ADAPTATION} loses to none",
    )
    add_arm_options(parser)
    return parser


def _options(arguments: list[str] | None) -> argparse.Namespace:
    options = _parser().parse_args(arguments)
    if options.quick:
        options.arms, options.schedule = quick.ARMS, [SHORT]
    return options


if __name__ == "__main__":
    sys.exit(main())
