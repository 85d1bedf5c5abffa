"""Compare label-free calibrations of the scores: FIELDS OUT.

Every field is scored once by the network as it is; each calibration then shifts its candidates'
log odds, and is given the threshold that is best for it on the other slides. Only how an image's
level is taken differs. The reference of each is the mean of its levels, so that shifts average to
zero and no calibration is favoured by its constant.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit
from tqdm import tqdm

from evaluation import ScoringError
from experiments.ablation import (
    RESULTS_FILE,
    add_field_options,
    find_cases,
    keep_apart,
    load_detector,
    prepare_case,
    read_results,
    settings_of,
)
from experiments.ablation_table import CONTROL, summarise, write_scores
from model.adaptation.calibration import Calibration, log_odds, shifted
from model.detections import MIN_PROBABILITY, merge

Level = Callable[[np.ndarray], float]  # of log odds (n,), n > 0


def quantile(odds: np.ndarray, at: float) -> float:
    """A quantile of the log odds; of 0.99 is the calibration that is shipped."""
    return float(np.quantile(odds, at))


def quantiles(odds: np.ndarray) -> float:
    """Mean of six quantiles from 0.985 to 0.9975: less hangs on a single rank."""
    return float(np.quantile(odds, np.linspace(0.985, 0.9975, 6)).mean())


def spread(odds: np.ndarray) -> float:
    """0.99 quantile of a normal with the median and the upper half's spread: figures play no part.

    The spread is the distance from the median to the 0.84 quantile, one standard deviation.
    """
    middle, upper = np.quantile(odds, [0.5, 0.8413])
    return float(middle + 2.326 * (upper - middle))


def prior(odds: np.ndarray, share: float) -> float:
    """Minus the shift at which the expected share of mitotic figures is that of real candidates.

    Label shift turned round (Saerens et al. 2002): the prior is known, the level of the scores is
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
        cases = find_cases(options.fields, options.only, options.scanners, None)
        truth = {case.annotated.stem: case.annotated for case in cases}
        fields = score(options)
        rows = [row for row in calibrated_rows(fields, options.levels) if row["image"] in truth]
        summary = summarise(rows, truth)
        write_scores(summary, options.out)
    except (ScoringError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def score(options: argparse.Namespace) -> list[dict[str, Any]]:
    """All candidates of every field with the shipped network's probabilities, kept in OUT."""
    detector = load_detector(options)
    keep_apart(options.out, settings_of(detector) | {"what": "candidates"})
    done = {(row["scanner"], row["image"]) for row in read_results(options.out)}
    with (options.out / RESULTS_FILE).open("a") as file:
        cases = list(find_cases(options.fields, options.only, options.scanners, None))
        for case in tqdm(cases, desc="images", mininterval=5):
            if (case.scanner, case.annotated.stem) in done:
                continue
            prepared = prepare_case(detector, case, options.scanners)
            row = {
                "scanner": case.scanner,
                "image": case.annotated.stem,
                "mpp": prepared.image.mpp,
                "points": prepared.scaled.to_input(prepared.centres).round(2).tolist(),
                "probabilities": prepared.shipped.probabilities.astype(float).tolist(),
            }
            file.write(json.dumps(row) + "\n")
            file.flush()
    return read_results(options.out)


def calibrated_rows(
    fields: list[dict[str, Any]], levels: list[str] | tuple[str, ...] = tuple(LEVELS)
) -> list[dict[str, Any]]:
    """Rows as `experiments.ablation` keeps them: every field under every calibration."""
    rows = [_row(field, CONTROL, 0.0) for field in fields]
    for name in levels:
        odds = [log_odds(np.array(field["probabilities"])) for field in fields]
        reference = float(np.mean([LEVELS[name](values) for values in odds if len(values)]))
        calibration = ByLevel(reference, LEVELS[name])
        for field in fields:
            shift = calibration.shift(np.array(field["probabilities"]))
            rows.append(_row(field, name, shift))
    return rows


def _row(field: dict[str, Any], name: str, shift: float) -> dict[str, Any]:
    points = np.array(field["points"], float).reshape(-1, 2)
    probabilities = shifted(np.array(field["probabilities"]), shift)
    shown = probabilities >= MIN_PROBABILITY
    kept = np.flatnonzero(shown)[
        merge(points[shown] * np.array(field["mpp"]), probabilities[shown])
    ]
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
    parser.set_defaults(unguarded=False)
    return parser


if __name__ == "__main__":
    sys.exit(main())
