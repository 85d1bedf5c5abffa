"""Compare label-free calibrations of the scores: FIELDS OUT.

Every field is scored once by the network as it is; each calibration then shifts its candidates'
log odds, and is given the threshold that is best for it on the other slides. They differ only in
how the level of an image is measured. The reference of each is the mean of its levels, so shifts
average to zero and no calibration is favoured by its constant.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit
from tqdm import tqdm

from evaluation import ScoringError
from experiments.ablation_table import write_scores
from experiments.adaptations.registry import NO_ADAPTATION
from experiments.arm_scores import summarise
from experiments.arms import load_setup, prepare
from experiments.cases import Case, find_cases
from experiments.options import add_field_options
from experiments.results import Results, Row
from model.adaptation.calibration import Calibration, log_odds, shifted
from model.detections import select

Level = Callable[[np.ndarray], float]  # of log odds (n,), n > 0


def quantile(odds: np.ndarray, at: float) -> float:
    """A quantile of the log odds; of 0.99 is the calibration that is shipped."""
    return float(np.quantile(odds, at))


def quantiles(odds: np.ndarray) -> float:
    """Mean of six quantiles from 0.985 to 0.9975: less dependent on a single rank."""
    return float(np.quantile(odds, np.linspace(0.985, 0.9975, 6)).mean())


def spread(odds: np.ndarray) -> float:
    """0.99 quantile of a normal with the median and the upper half's spread, whatever the figures.

    The spread is the distance from the median to the 0.84 quantile, one standard deviation.
    """
    middle, upper = np.quantile(odds, [0.5, 0.8413])
    return float(middle + 2.326 * (upper - middle))


def prior(odds: np.ndarray, share: float) -> float:
    """Minus the shift at which the expected share of mitotic figures is that of real candidates.

    Label shift, inverted (Saerens et al. 2002): the prior is known, the level of the scores is
    not.
    """
    return -float(brentq(lambda shift: expit(odds + shift).mean() - share, -60, 60))


LEVELS: dict[str, Level] = {
    "quantile 0.95": partial(quantile, at=0.95),
    "quantile 0.98": partial(quantile, at=0.98),
    "quantile 0.99": partial(quantile, at=0.99),
    "quantile 0.995": partial(quantile, at=0.995),
    "quantiles": quantiles,
    "spread": spread,
    "prior 0.002": partial(prior, share=0.002),
    "prior 0.004": partial(prior, share=0.004),
}


@dataclass(frozen=True)
class ByLevel(Calibration):
    """A calibration whose level is taken in another way."""

    measure: Level = quantiles

    def level(self, odds: np.ndarray) -> float:
        """The measure of the log odds."""
        return self.measure(odds)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        cases = find_cases(options.fields, options.only, options.scanners)
        truth = {case.annotated.stem: case.annotated for case in cases}
        fields = score_candidates(options, cases)
        rows = [row for row in calibrated_rows(fields, options.levels) if row["image"] in truth]
        write_scores(summarise(rows, truth), options.out)
    except (ScoringError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def score_candidates(options: argparse.Namespace, cases: Sequence[Case]) -> list[Row]:
    """All candidates of every field with the shipped network's probabilities, kept in OUT."""
    setup = load_setup(options.weights, options.source_bank)
    results = Results(options.out, setup.description() | {"what": "candidates"})
    done = {(row["scanner"], row["image"]) for row in results.rows}
    for case in tqdm(cases, desc="images", mininterval=5):
        if (case.scanner, case.image) in done:
            continue
        prepared = prepare(setup, case.read())
        results.add(
            {
                "scanner": case.scanner,
                "image": case.image,
                "mpp": prepared.mpp,
                "points": prepared.image.to_input(prepared.centres).round(2).tolist(),
                "probabilities": prepared.before.probabilities.astype(float).tolist(),
            }
        )
    return results.rows


def calibrated_rows(
    fields: list[Row], levels: list[str] | tuple[str, ...] = tuple(LEVELS)
) -> list[Row]:
    """Rows as `experiments.ablation` keeps them: every field under every calibration."""
    rows = [_row(field, NO_ADAPTATION, 0.0) for field in fields]
    for name in levels:
        odds = [log_odds(np.array(field["probabilities"])) for field in fields]
        reference = float(np.mean([LEVELS[name](values) for values in odds if len(values)]))
        calibration = ByLevel(reference, measure=LEVELS[name])
        for field in fields:
            shift = calibration.shift(np.array(field["probabilities"]))
            rows.append(_row(field, name, shift))
    return rows


def _row(field: Row, name: str, shift: float) -> Row:
    points = np.array(field["points"], float).reshape(-1, 2)
    probabilities = shifted(np.array(field["probabilities"]), shift)
    kept = select(points * np.array(field["mpp"]), probabilities)
    return {
        "scanner": field["scanner"],
        "image": field["image"],
        "arm": name,
        "seed": 0,
        "points": points[kept].tolist(),
        "probabilities": probabilities[kept].astype(float).tolist(),
        "seconds": {"adaptation": 0.0},
        "adaptation": {"fallback": None},
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.calibrations",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add_field_options(parser)
    add("--levels", nargs="+", choices=LEVELS, default=list(LEVELS), metavar="LEVEL", help="[all]")
    return parser


if __name__ == "__main__":
    sys.exit(main())
