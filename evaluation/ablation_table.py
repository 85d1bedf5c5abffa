"""What the arms of an ablation are worth: a table and a figure.

F1 is taken at the threshold of the weights' card, or, where that was not chosen for these weights
and arms, by the same rule for every arm and fair to each: an arm's threshold for a slide is the one
that gives it the best pooled F1 on the other slides as they are, without a virtual scanner. Either
way F1 falls where scores shift between slides or scanners.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evaluation.bootstrap import Difference, draw, intervals, paired_differences
from evaluation.ground_truth import AnnotatedImage
from evaluation.metrics import best_threshold, pool, summary
from evaluation.run import USUAL_MPP
from evaluation.scored_image import ScoredImage
from evaluation.virtual_scanners import AS_IT_IS

CONTROL = "none"
METRICS = ("ap", "best_f1", "f1", "precision", "recall")
RESAMPLES = 500


class ArmScore(NamedTuple):
    """An arm under a virtual scanner ("all": every one), over all its seeds.

    values and differences hold (value, low, high) by metric; differences are to CONTROL.
    """

    scanner: str
    arm: str
    images: int
    figures: int
    values: dict[str, tuple[float, float, float]]
    differences: dict[str, Difference]
    fallbacks: float
    seconds: float


def summarise(
    rows: list[dict[str, Any]], truth: dict[str, AnnotatedImage], threshold: float | None = None
) -> list[ArmScore]:
    """Scores of every arm under every virtual scanner.

    Args:
        rows: of results.jsonl.
        truth: annotated images by stem; rows of others are left out.
        threshold: the card's; None for the rule above.
    """
    rows = [row for row in rows if row["image"] in truth]
    arms = sorted({row["arm"] for row in rows}, key=lambda arm: (arm != CONTROL, arm))
    scanners = list(dict.fromkeys(row["scanner"] for row in rows))
    scored = {arm: _with_thresholds(_of(rows, arm), truth, threshold) for arm in arms}
    seeds = {arm: sorted({row["seed"] for row in _of(rows, arm)}) for arm in arms}
    result = []
    for scanner in [*scanners, *(["all"] if len(scanners) > 1 else [])]:
        for arm in arms:
            here = [
                [scored[arm][key] for key in sorted(scored[arm]) if _in(key, scanner, seed)]
                for seed in seeds[arm]
            ]
            control = [
                scored[CONTROL][key]
                for key in sorted(scored.get(CONTROL, {}))
                if _in(key, scanner, seeds[CONTROL][0])
            ]
            account = [r for r in _of(rows, arm) if scanner in ("all", r["scanner"])]
            result.append(_score(scanner, arm, here, control, account))
    return result


def _of(rows: list[dict[str, Any]], arm: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["arm"] == arm]


def _in(key: tuple[str, str, int], scanner: str, seed: int) -> bool:
    return scanner in ("all", key[0]) and key[2] == seed


def _score(
    scanner: str,
    arm: str,
    seeds: list[list[ScoredImage]],
    control: list[ScoredImage],
    account: list[dict[str, Any]],
) -> ArmScore:
    images = [image for seed in seeds for image in seed]
    pooled = pool(images)
    values = summary(pooled)
    limits = intervals(pooled, draw([i.slide for i in images], RESAMPLES))
    differences: dict[str, Difference] = {}
    if control and arm != CONTROL and all(len(seed) == len(control) for seed in seeds):
        repeated = pool(control * len(seeds))
        resamples = draw([image.slide for image in control], RESAMPLES)
        resamples = resamples._replace(weights=np.tile(resamples.weights, (1, len(seeds))))
        differences = paired_differences(pooled, repeated, resamples)
    return ArmScore(
        scanner,
        arm,
        len(images),
        int(pooled.figures.sum()),
        {m: (values[m], *limits[m]) for m in METRICS},
        differences,
        float(np.mean([row["adaptation"].get("fallback") is not None for row in account])),
        float(np.mean([row["seconds"]["adaptation"] for row in account])),
    )


def _with_thresholds(
    rows: list[dict[str, Any]], truth: dict[str, AnnotatedImage], threshold: float | None
) -> dict[tuple[str, str, int], ScoredImage]:
    """Scored images of one arm by (scanner, image, seed), each with its threshold."""
    images = {
        (row["scanner"], row["image"], row["seed"]): _scored(row, truth[row["image"]])
        for row in rows
    }
    slides = {image.slide for image in images.values()}
    chosen: dict[str | None, float] = {}
    for slide in slides:
        others = [
            image
            for (scanner, _, _), image in images.items()
            if scanner == AS_IT_IS and image.slide != slide and len(image.figures)
        ]
        if threshold is None and others:
            chosen[slide] = best_threshold(others).threshold
    return {
        key: image._replace(threshold=chosen.get(image.slide, _given(threshold)))
        for key, image in images.items()
    }


def _given(threshold: float | None) -> float:
    return np.inf if threshold is None else threshold


def _scored(row: dict[str, Any], annotated: AnnotatedImage) -> ScoredImage:
    return ScoredImage(
        name=row["image"],
        points=np.array(row["points"], float).reshape(-1, 2),
        probabilities=np.array(row["probabilities"], float),
        figures=annotated.figures,
        mpp=annotated.mpp or USUAL_MPP,
        size=annotated.size,
        slide=annotated.slide,
        domain=annotated.domain,
    )


def write_table(scores: Sequence[ArmScore], path: Path) -> None:
    """The scores as a Markdown table, differences to the control in italics below each value."""
    lines = [
        "| scanner | arm | AP | best F1 | F1 | precision | recall | fallback | s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for score in scores:
        cells = [_cell(score, metric) for metric in METRICS]
        lines.append(
            f"| {score.scanner} | {score.arm} | {' | '.join(cells)} "
            f"| {score.fallbacks:.0%} | {score.seconds:.1f} |"
        )
    first = scores[0]
    lines += [
        "",
        f"{first.images} images, {first.figures} mitotic figures a scanner. In brackets "
        "95 % bootstrap intervals; after the value the paired difference to no adaptation.",
    ]
    path.write_text("\n".join(lines) + "\n")


def _cell(score: ArmScore, metric: str) -> str:
    value = f"{score.values[metric][0]:.3f}"
    if metric in ("precision", "recall"):
        return value
    if metric not in score.differences:
        _, low, high = score.values[metric]
        return f"{value} [{low:.2f}, {high:.2f}]"
    difference, low, high = score.differences[metric]
    return f"{value} {difference:+.3f} [{low:+.2f}, {high:+.2f}]"


def write_figure(scores: Sequence[ArmScore], path: Path) -> None:
    """Paired differences of AP and F1 to the control, an interval an arm and scanner."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [score for score in scores if score.differences]
    figure = Figure(figsize=(9, 1.2 + 0.22 * max(len(shown), 1)), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, metric in zip(figure.subplots(1, 2, sharey=True), ("ap", "f1"), strict=True):
        for row, score in enumerate(shown):
            value, low, high = score.differences[metric]
            color = f"C{sorted({s.arm for s in shown}).index(score.arm)}"
            axes.plot([low, high], [row, row], color=color)
            axes.plot([value], [row], "o", color=color)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_xlabel(f"{'AP' if metric == 'ap' else 'F1'} minus that without adaptation")
        axes.set_yticks(range(len(shown)), [f"{s.scanner}, {s.arm}" for s in shown], fontsize=7)
        axes.grid(axis="x", alpha=0.3)
    if shown:
        axes.invert_yaxis()
    figure.savefig(path, dpi=120)
