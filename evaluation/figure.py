"""Precision-recall and FROC curves as a picture. The only module here that needs matplotlib."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from evaluation import ScoringError
from evaluation.counts import Counts
from evaluation.metrics import FROC_DENSITIES, Pool, average_precision, ranked_curve

try:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
except ImportError as error:
    raise ScoringError(
        "--figure needs matplotlib, which is not installed (the container leaves it out): "
        "pip install matplotlib, or go without --figure"
    ) from error


def draw(pools: Mapping[str, Pool], path: Path) -> None:
    """One line for each pool, a dot at its shipped threshold. The suffix of path says the format.

    Raises ScoringError where matplotlib does not know the suffix.
    """
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    precision_recall, froc = figure.subplots(1, 2)
    for name, pooled in pools.items():
        curve = ranked_curve(pooled)
        label = f"{name}, AP {average_precision(curve):.3f}"
        (line,) = precision_recall.step(curve.recall, curve.precision, where="pre", label=label)
        froc.step(curve.density, curve.recall, where="post", color=line.get_color())
        shipped = Counts(*pooled.official.sum(axis=0))
        dot = {"marker": "o", "color": line.get_color()}
        precision_recall.plot(shipped.recall, shipped.precision, **dot)
        if curve.area > 0:
            froc.plot(shipped.false_positives / curve.area, shipped.recall, **dot)
    precision_recall.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    precision_recall.legend(fontsize="small")
    froc.set(xlabel="false positives per mm²", ylabel="sensitivity", ylim=(0, 1.02))
    froc.set_xscale("symlog", linthresh=FROC_DENSITIES[0])
    froc.set_xlim(0, 4 * FROC_DENSITIES[-1])
    froc.set_xticks(np.append(0, FROC_DENSITIES), ["0", *(f"{d:g}" for d in FROC_DENSITIES)])
    for axes in (precision_recall, froc):
        axes.grid(alpha=0.3)
    try:
        figure.savefig(path, dpi=150)
    except ValueError as error:
        raise ScoringError(f"{path}: {error}") from error
