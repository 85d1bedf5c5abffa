"""Compare the outputs of two runs with tolerances, since machines round differently.

    python -m test.compare EXPECTED ACTUAL [--within UM] [--probability TOLERANCE] [--least P]

EXPECTED and ACTUAL are two mitotic-figures.json, or two folders: then every mitotic-figures.json
in EXPECTED must also exist in ACTUAL. The exit status is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

FILE = "mitotic-figures.json"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("expected", type=Path)
    parser.add_argument("actual", type=Path)
    parser.add_argument("--within", type=float, default=1.0, metavar="UM", help="[%(default)s]")
    parser.add_argument("--probability", type=float, default=0.02, help="[%(default)s]")
    parser.add_argument("--least", type=float, metavar="P", help="compare these points too")
    options = parser.parse_args(argv)
    given = options.within, options.probability, options.least
    found = compare(options.expected, options.actual, *given)
    for difference in found:
        print(difference)
    return 1 if found else 0


def compare(
    expected: Path,
    actual: Path,
    within_um: float = 1.0,
    probability: float = 0.02,
    least: float | None = None,
) -> list[str]:
    """The differences between two files, or two folders of files, one line each.

    Args:
        expected: the reference, a file or a folder.
        actual: what is compared with it.
        within_um: tolerance of positions, µm.
        probability: tolerance of probabilities.
        least: compare points of at least this probability too, not the mitotic figures only.
    """
    if expected.is_file():
        pairs = [(expected, actual)]
    else:
        pairs = [(file, actual / file.relative_to(expected)) for file in expected.rglob(FILE)]
    if not pairs:
        return [f"{expected}: no {FILE} there"]
    found = []
    for one, other in sorted(pairs):
        if other.is_file():
            points = positives(one, least), positives(other, least)
            found += [f"{other}: {line}" for line in differences(*points, within_um, probability)]
        else:
            found.append(f"{other}: missing")
    return found


def positives(file: Path, least: float | None = None) -> np.ndarray:
    """(n, 4): x, y, z in mm and the probability of the mitotic figures, and of points from `least`.

    The form of 2021 has positives only, without name and probability; that is read as 1.
    """
    rows = [
        [*point["point"], point.get("probability", 1.0)]
        for point in json.loads(file.read_text())["points"]
        if point.get("name", "mitotic figure") == "mitotic figure"
        or (least is not None and point["probability"] >= least)
    ]
    return np.array(rows, dtype=float).reshape(-1, 4)


def differences(
    expected: np.ndarray, actual: np.ndarray, within_um: float, probability: float
) -> list[str]:
    """Differences between two (n, 4) arrays of positives, paired by optimal assignment."""
    if len(expected) != len(actual):
        return [f"{len(actual)} mitotic figures, expected {len(expected)}"]
    distances = 1000 * cdist(expected[:, :3], actual[:, :3])
    found = []
    for i, j in zip(*linear_sum_assignment(distances), strict=True):
        where = "({:.4f}, {:.4f}) mm".format(*expected[i, :2])
        change = abs(expected[i, 3] - actual[j, 3])
        if not distances[i, j] <= within_um:
            found.append(f"{where} is {distances[i, j]:.2f} µm off, allowed {within_um}")
        elif not change <= probability:
            found.append(f"{where} has its probability {change:.3f} off, allowed {probability}")
    return found


if __name__ == "__main__":
    sys.exit(main())
