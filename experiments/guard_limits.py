"""What the guard's limits cost and save, on fields with annotations: FIELDS OUT of an ablation.

OUT is that of `python -m experiments.ablation ... --unguarded`, where every adaptation was used. An
adaptation is harmful if it loses more than 0.05 of average precision on the figures of its image.
For each check: what harmful and other adaptations measured, how well the check tells them apart
(area under the ROC curve), and what its limit would have stopped.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evaluation import ScoringError
from evaluation.ground_truth import AnnotatedImage, read_ground_truth
from evaluation.metrics import average_precision, pool, ranked_curve
from experiments.ablation import read_results
from experiments.ablation_table import CONTROL, scored_row

HARM = 0.05  # of average precision
BOUNDED_BELOW = {"candidates", "overlap", "agreement"}


class Judged(NamedTuple):
    """An adaptation: what it did to average precision, and what the guard measured."""

    arm: str
    image: str
    change: float
    checks: dict[str, dict[str, Any]]


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
        judged = judge(rows, truth)
        if not judged:
            raise ScoringError("no adaptation with a guard's checks on an image with figures")
    except (ScoringError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(table(judged))
    return 0


def judge(rows: list[dict[str, Any]], truth: dict[str, AnnotatedImage]) -> list[Judged]:
    """Every adaptation to an image with figures beside the same image without adaptation."""
    usable = [row for row in rows if len(truth[row["image"]].figures)]
    without = {
        (row["scanner"], row["image"]): _precision(row, truth)
        for row in usable
        if row["arm"] == CONTROL
    }
    return [
        Judged(
            row["arm"],
            row["image"],
            _precision(row, truth) - without[row["scanner"], row["image"]],
            {check["name"]: check for check in row["adaptation"]["guard"]},
        )
        for row in usable
        if "guard" in row["adaptation"] and (row["scanner"], row["image"]) in without
    ]


def table(judged: list[Judged]) -> str:
    """Markdown: a line a check, and one for all of them together."""
    lines = [
        "| check | limit | harmful: median [5 %, 95 %] | others: median [5 %, 95 %] | AUC "
        "| harmful stopped | others stopped |",
        "|---|---|---|---|---|---|---|",
    ]
    names = dict.fromkeys(name for j in judged for name in j.checks)
    for name in names:
        here = [j for j in judged if name in j.checks and j.checks[name]["value"] is not None]
        if not here:
            continue
        values, limits = (
            np.array([j.checks[name][part] for j in here]) for part in ("value", "limit")
        )
        harmful = np.array([j.change < -HARM for j in here])
        stopped = np.array([not j.checks[name]["passed"] for j in here])
        sign = -1 if name in BOUNDED_BELOW else 1
        lines.append(
            f"| {name} | {np.median(limits):.3g} | {_range(values[harmful])} "
            f"| {_range(values[~harmful])} | {_auc(sign * values, harmful)} "
            f"| {_share(stopped[harmful])} | {_share(stopped[~harmful])} |"
        )
    harmful = np.array([j.change < -HARM for j in judged])
    stopped = np.array([not all(c["passed"] for c in j.checks.values()) for j in judged])
    change = np.array([j.change for j in judged])
    lines += [
        f"| all | | | | | {_share(stopped[harmful])} | {_share(stopped[~harmful])} |",
        "",
        f"{len(judged)} adaptations, {int(harmful.sum())} of them harmful. Mean change of average "
        f"precision of those let through {_mean(change[~stopped])}, of those stopped "
        f"{_mean(change[stopped])}.",
        *(
            f"{arm}: {_share(~stopped[mine])} adapted, there {_mean(change[mine & ~stopped])}"
            for arm in sorted({j.arm for j in judged})
            for mine in [np.array([j.arm == arm for j in judged])]
        ),
    ]
    return "\n".join(lines)


def _precision(row: dict[str, Any], truth: dict[str, AnnotatedImage]) -> float:
    return average_precision(ranked_curve(pool([scored_row(row, truth[row["image"]])])))


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
