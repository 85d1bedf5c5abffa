"""What the guard's limits cost and save, on fields with annotations: FIELDS OUT of an ablation.

OUT is that of `python -m experiments.ablation ... --unguarded`, where every adaptation was used. An
adaptation is harmful if it loses more than 0.05 of average precision on the figures of its image.
For each check: what harmful and other adaptations measured, how well the check separates them (area
under the ROC curve), and what its limit would have stopped.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from evaluation import ScoringError
from evaluation.annotated_image import AnnotatedImage
from evaluation.ground_truth import read_ground_truth
from evaluation.metrics import average_precision, pool, ranked_curve
from experiments.adaptations.registry import NO_ADAPTATION
from experiments.arm_scores import scored_image
from experiments.results import Row, read_results
from model.adaptation.record import Check

HARM = 0.05  # of average precision
BOUNDED_BELOW = {"candidates"}
HEAD = [
    "| check | limit | harmful: median [5 %, 95 %] | others: median [5 %, 95 %] | AUC "
    "| harmful stopped | others stopped |",
    "|---|---|---|---|---|---|---|",
]


class Outcome(NamedTuple):
    """An adaptation: what it did to average precision, and what the guard measured, by check."""

    arm: str
    image: str
    change: float
    checks: dict[str, Check]

    @property
    def harmful(self) -> bool:
        """Whether it lost too much average precision."""
        return self.change < -HARM

    @property
    def stopped(self) -> bool:
        """Whether any check would have stopped it."""
        return not all(check.passed for check in self.checks.values())


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.guard_limits",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("fields", type=Path, help="folder with ground_truth.json")
    parser.add_argument("out", type=Path, nargs="+", help="results of the ablation")
    options = parser.parse_args(arguments)
    try:
        truth = read_ground_truth(options.fields / "ground_truth.json")
        rows = [row for out in options.out for row in read_results(out)]
        outcomes = outcomes_of(rows, truth)
        if not outcomes:
            raise ScoringError("no adaptation with a guard's checks on an image with figures")
    except (ScoringError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(table(outcomes))
    return 0


def outcomes_of(rows: list[Row], truth: dict[str, AnnotatedImage]) -> list[Outcome]:
    """Every adaptation to an image with figures beside the same image without adaptation."""
    usable = [row for row in rows if len(truth[row["image"]].figures)]
    without = {
        (row["scanner"], row["image"]): _precision(row, truth)
        for row in usable
        if row["arm"] == NO_ADAPTATION
    }
    return [
        Outcome(
            row["arm"],
            row["image"],
            _precision(row, truth) - without[row["scanner"], row["image"]],
            {check["name"]: Check(**check) for check in row["adaptation"]["guard"]},
        )
        for row in usable
        if row["adaptation"]["guard"] and (row["scanner"], row["image"]) in without
    ]


def table(outcomes: Sequence[Outcome]) -> str:
    """Markdown: a line for each check, one for all of them together, and one for each arm."""
    names = dict.fromkeys(name for outcome in outcomes for name in outcome.checks)
    harmful = np.array([outcome.harmful for outcome in outcomes])
    stopped = np.array([outcome.stopped for outcome in outcomes])
    change = np.array([outcome.change for outcome in outcomes])
    arms = np.array([outcome.arm for outcome in outcomes])
    lines = [
        *HEAD,
        *(line for name in names if (line := _line(name, outcomes))),
        f"| all | | | | | {_share(stopped[harmful])} | {_share(stopped[~harmful])} |",
        "",
        f"{len(outcomes)} adaptations, {int(harmful.sum())} of them harmful. Mean change of "
        f"average precision of those accepted {_mean(change[~stopped])}, of those stopped "
        f"{_mean(change[stopped])}.",
        *(
            f"{arm}: {_share(~stopped[arms == arm])} adapted, there "
            f"{_mean(change[(arms == arm) & ~stopped])}"
            for arm in sorted(set(arms))
        ),
    ]
    return "\n".join(lines)


def _line(name: str, outcomes: Sequence[Outcome]) -> str | None:
    """The line of a check; None where it measured nothing."""
    here = [o for o in outcomes if name in o.checks and o.checks[name].value is not None]
    if not here:
        return None
    checks = [outcome.checks[name] for outcome in here]
    values = np.array([check.value for check in checks], float)
    harmful = np.array([outcome.harmful for outcome in here])
    stopped = np.array([not check.passed for check in checks])
    sign = -1 if name in BOUNDED_BELOW else 1
    return (
        f"| {name} | {np.median([check.limit for check in checks]):.3g} "
        f"| {_range(values[harmful])} | {_range(values[~harmful])} "
        f"| {_auc(sign * values, harmful)} "
        f"| {_share(stopped[harmful])} | {_share(stopped[~harmful])} |"
    )


def _precision(row: Row, truth: dict[str, AnnotatedImage]) -> float:
    return average_precision(ranked_curve(pool([scored_image(row, truth[row["image"]])])))


def _auc(values: np.ndarray, harmful: np.ndarray) -> str:
    """Chance that a harmful adaptation has a higher value than another."""
    if harmful.all() or not harmful.any():
        return "-"
    bad, fine = values[harmful][:, None], values[~harmful][None]
    return f"{float(((bad > fine) + 0.5 * (bad == fine)).mean()):.2f}"


def _range(values: np.ndarray) -> str:
    if len(values) == 0:
        return "-"
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return f"{middle:.3g} [{low:.3g}, {high:.3g}]"


def _share(stopped: np.ndarray) -> str:
    return f"{int(stopped.sum())} of {len(stopped)}"


def _mean(change: np.ndarray) -> str:
    return f"{change.mean():+.3f}" if len(change) else "-"


if __name__ == "__main__":
    sys.exit(main())
