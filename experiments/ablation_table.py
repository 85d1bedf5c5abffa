"""Scores of an ablation as a table and a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.adaptations.registry import NO_ADAPTATION
from experiments.arm_scores import AT_PRIOR, ArmScore

COLUMNS = ("ap", "best_f1", "f1", AT_PRIOR, "precision", "recall", "density")
WITHOUT_INTERVAL = ("precision", "recall")
HEAD = """\
| images | arm | AP | best F1 | F1 | F1 at prior | precision | recall | FP/mm² | adapted \
| gain there | s |
|---|---|---|---|---|---|---|---|---|---|---|---|
"""
LEGEND = (
    "In brackets 95 % bootstrap intervals; after the value the paired difference to no adaptation; "
    "after ± the standard deviation over the seeds. adapted: images whose adaptation the guard "
    "accepted; gain there: their F1 minus that of no adaptation."
)


def write_scores(scores: Sequence[ArmScore], out: Path) -> None:
    """Write table.md and figure.png into a folder, and print the table."""
    text = table(scores)
    (out / "table.md").write_text(text)
    write_figure(scores, out / "figure.png")
    print(text)


def table(scores: Sequence[ArmScore]) -> str:
    """The scores as a Markdown table, differences to no adaptation behind each value."""
    groups = {score.group: f"{score.images} images, {score.figures} figures" for score in scores}
    sizes = "; ".join(f"{name}: {size}" for name, size in groups.items())
    return HEAD + "".join(map(_line, scores)) + f"\n{sizes}. {LEGEND}\n"


def _line(score: ArmScore) -> str:
    cells = [_cell(score, metric) for metric in COLUMNS]
    adapted = "-" if score.arm == NO_ADAPTATION else f"{score.adapted:.0%}"
    return (
        f"| {score.group} | {score.arm} | {' | '.join(cells)} "
        f"| {adapted} | {_number(score.gain, '+')} | {score.seconds:.1f} |\n"
    )


def _cell(score: ArmScore, metric: str) -> str:
    value, low, high = score.values.get(metric, (np.nan, np.nan, np.nan))
    if metric in WITHOUT_INTERVAL or not np.isfinite(value):
        return _number(value)
    text = _number(value) + (f" ±{score.spread[metric]:.3f}" if metric in score.spread else "")
    if metric in score.differences:
        difference, low, high = score.differences[metric]
        return f"{text} {difference:+.3f} [{low:+.2f}, {high:+.2f}]"
    return f"{text} [{low:.2f}, {high:.2f}]"


def _number(value: float, sign: str = "") -> str:
    return f"{value:{sign}.3f}" if np.isfinite(value) else "-"


def write_figure(scores: Sequence[ArmScore], path: Path) -> None:
    """Paired differences of AP and F1 to no adaptation, an interval for each arm and group."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [s for s in scores if s.differences and np.isfinite(s.values["ap"][0])]
    colours = {arm: f"C{number}" for number, arm in enumerate(sorted({s.arm for s in shown}))}
    figure = Figure(figsize=(9, 1.2 + 0.22 * max(len(shown), 1)), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, metric in zip(figure.subplots(1, 2, sharey=True), ("ap", "f1"), strict=True):
        for row, score in enumerate(shown):
            value, low, high = score.differences[metric]
            axes.plot([low, high], [row, row], color=colours[score.arm])
            axes.plot([value], [row], "o", color=colours[score.arm])
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_xlabel(f"{'AP' if metric == 'ap' else 'F1'} minus that without adaptation")
        axes.set_yticks(range(len(shown)), [f"{s.group}, {s.arm}" for s in shown], fontsize=7)
        axes.grid(axis="x", alpha=0.3)
    if shown:
        axes.invert_yaxis()
    figure.savefig(path, dpi=120)
