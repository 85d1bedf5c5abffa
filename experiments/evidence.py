"""What must be shown of the default adaptation, measured and beside its limits, by one command.

On each set of images these arms run: no adaptation; calibration alone; gradient reversal and its
control, the same steps at a reversal weight of 0, both with and without calibration; the paper as
written; the default. Results are kept image by image in OUT, so the command can be stopped at any
time and continues when it is run again; --minutes ends it by itself. The report is made from the
results that there are.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from evaluation import ScoringError
from experiments.adaptations.registry import NO_ADAPTATION
from experiments.arms import Setup, Trial
from experiments.evidence_arms import EVIDENCE_ARMS, evidence_trials
from experiments.evidence_report import BASELINE, set_folder, write_report
from experiments.evidence_sets import LEFT_OUT, EvidenceSet, load_set, set_names
from experiments.options import add_weight_options
from experiments.results import Results, read_results
from experiments.runs import missing_trials, run_missing
from training.bank_selection import Selection
from training.domain_folds import RECIPE
from training.threshold import CANDIDATE_SHARE

EXAMPLES = """\
examples:
  python -m training.prepare DATA FIELDS
  python -m experiments.evidence FIELDS OUT --sets A00-A02 'dense pieces' --minutes 9
  python -m experiments.evidence FIELDS OUT --data DATA --runs RUNS --baseline OLD_WEIGHTS
  python -m experiments.evidence FIELDS OUT --data DATA --runs RUNS --report-only --speed speed.json

RUNS holds the networks of training.domain_folds; missing ones are trained. OLD_WEIGHTS is a folder
of weights and card, of which only `none` is run. speed.json is written by experiments.benchmark.
OUT gets a folder for each set, evidence.json and evidence.md.
"""


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    deadline = None if options.minutes is None else time.monotonic() + 60 * options.minutes
    try:
        for name in [] if options.report_only else _chosen(options):
            run_set(load_set(name, options), options, deadline)
        write_report(options)
    except (ScoringError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def run_set(chosen: EvidenceSet, options: argparse.Namespace, deadline: float | None) -> None:
    """Add the results of a set that are missing."""
    folder = set_folder(options.out, chosen.name)
    _run(chosen, chosen.load, folder, evidence_trials(options.arms, options.seeds), deadline)
    if chosen.load_baseline is not None:
        _run(chosen, chosen.load_baseline, folder / BASELINE, [Trial(NO_ADAPTATION)], deadline)


def _run(
    chosen: EvidenceSet,
    load: Callable[[], Setup],
    folder: Path,
    wanted: Sequence[Trial],
    deadline: float | None,
) -> None:
    if not missing_trials(chosen.images, wanted, read_results(folder)):
        return
    setup = load()
    results = Results(folder, setup.description())
    missing = missing_trials(chosen.images, wanted, results.rows)
    run_missing(setup, missing, results, chosen.name, deadline)


def _chosen(options: argparse.Namespace) -> list[str]:
    """The sets that are asked for; without --data those of left-out domains are not."""
    if options.sets is not None:
        return list(options.sets)
    return [name for name in set_names() if options.data or not name.startswith(LEFT_OUT)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.evidence",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("fields", type=Path, help="folder of training.prepare")
    add("out", type=Path, help="folder for the results; an interrupted run continues from it")
    add_weight_options(parser)
    add("--data", type=Path, metavar="DIR", help="the data folder, for left-out domains")
    add("--runs", type=Path, metavar="DIR", help="networks of training.domain_folds")
    add("--preset", default=str(RECIPE), help="of these networks [training/domain_fold.toml]")
    add("--baseline", type=Path, metavar="DIR", help="weights to compare with, without adaptation")
    add("--sets", nargs="+", choices=set_names(), metavar="SET", help="[all]")
    add("--arms", nargs="+", choices=EVIDENCE_ARMS, default=EVIDENCE_ARMS, metavar="ARM")
    add("--seeds", type=int, nargs="+", default=[0], metavar="N", help="[0]")
    add("--unguarded", action="store_true", help="use every adaptation, whatever the guard decides")
    add("--limit", type=int, metavar="N", help="fields, or montages, of each set at most")
    add(
        "--share",
        type=float,
        default=CANDIDATE_SHARE,
        help="mitotic share of a montage [%(default)s]",
    )
    add("--draws", type=int, default=4, help="montages of a domain at most [%(default)s]")
    add(
        "--negatives",
        type=int,
        default=Selection.negatives,
        help="confident negatives of each domain in a bank [%(default)s]",
    )
    add("--minutes", type=float, metavar="M", help="start no further image after M minutes")
    add("--report-only", action="store_true", help="run nothing")
    add("--speed", type=Path, metavar="FILE", help="JSON of experiments.benchmark")
    return parser


if __name__ == "__main__":
    sys.exit(main())
