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
from training.virtual_scanners import AS_IT_IS

CONTROL = "none"
METRICS = ("ap", "best_f1", "f1", "precision", "recall", "density")
# F1 at the threshold corrected to the prior of candidates, which `summary` does not know.
AT_PRIOR = "f1_at_prior"
RESAMPLES = 500

Key = tuple[str, str, int]  # scanner, image, seed


class ArmScore(NamedTuple):
    """An arm on a group of images, over all its seeds.

    group is a virtual scanner, a domain where there are several, or "all" with figures. values and
    differences hold (value, low, high) by metric; differences are to CONTROL. spread holds the
    standard deviation over the seeds by metric, empty with one seed. adapted is the share of images
    that the guard let adapt, gain the difference of F1 to CONTROL on those.
    """

    group: str
    arm: str
    images: int
    figures: int
    values: dict[str, tuple[float, float, float]]
    differences: dict[str, Difference]
    spread: dict[str, float]
    adapted: float
    gain: float
    seconds: float


def summarise(
    rows: list[dict[str, Any]],
    truth: dict[str, AnnotatedImage],
    threshold: float | None = None,
    prior_threshold: float | None = None,
) -> list[ArmScore]:
    """Scores of every arm on every group of images.

    Args:
        rows: of results.jsonl.
        truth: annotated images by stem; rows of others are left out.
        threshold: the card's; None for the rule above.
        prior_threshold: the one corrected to the prior of candidates.
    """
    rows = _labelled([row for row in rows if row["image"] in truth])
    arms = sorted({row["arm"] for row in rows}, key=lambda arm: (arm != CONTROL, arm))
    scored = {arm: _with_thresholds(_of(rows, arm), truth, threshold) for arm in arms}
    refused = {(row["arm"], *_key(row)): row["adaptation"]["fallback"] is not None for row in rows}
    seconds = {(row["arm"], *_key(row)): row["seconds"]["adaptation"] for row in rows}
    result = []
    for group, members in _groups(rows, truth).items():
        control = {key[:2]: i for key, i in scored.get(CONTROL, {}).items() if key[:2] in members}
        for arm in arms:
            here = {key: image for key, image in scored[arm].items() if key[:2] in members}
            if not here:
                continue
            keys = sorted(here, key=lambda key: (key[2], key))
            adapted = [key for key in keys if not refused[arm, *key]]
            score = _score(group, arm, here, control, prior_threshold)
            result.append(
                score._replace(
                    adapted=len(adapted) / len(keys) if arm != CONTROL else 0.0,
                    gain=_gain({key: here[key] for key in adapted if arm != CONTROL}, control),
                    seconds=float(np.mean([seconds[arm, *key] for key in keys])),
                )
            )
    return result


def _labelled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, an arm's name joined by its schedule where that was run with several."""
    schedules: dict[str, set[str]] = {}
    for row in rows:
        schedules.setdefault(row["arm"], set()).add(row.get("schedule", ""))
    return [
        row | {"arm": f"{row['arm']}, {row['schedule']} schedule"}
        if len(schedules[row["arm"]]) > 1
        else row
        for row in rows
    ]


def _groups(
    rows: list[dict[str, Any]], truth: dict[str, AnnotatedImage]
) -> dict[str, set[tuple[str, str]]]:
    """(scanner, image) of each group, in the order of the rows; at last all that have figures."""
    several = len({truth[row["image"]].domain for row in rows}) > 1
    groups: dict[str, set[tuple[str, str]]] = {}
    figures: dict[str, int] = {}
    for row in rows:
        image = truth[row["image"]]
        parts = [image.domain] if several else []
        if not several or row["scanner"] != AS_IT_IS:
            parts.append(row["scanner"])
        name = ", ".join(parts)
        groups.setdefault(name, set()).add((row["scanner"], row["image"]))
        figures[name] = figures.get(name, 0) + len(image.figures)
    annotated = [members for name, members in groups.items() if figures[name]]
    if len(annotated) > 1:
        groups["all"] = set().union(*annotated)
    return groups


def _key(row: dict[str, Any]) -> Key:
    return row["scanner"], row["image"], row["seed"]


def _of(rows: list[dict[str, Any]], arm: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["arm"] == arm]


def _score(
    group: str,
    arm: str,
    here: dict[Key, ScoredImage],
    control: dict[tuple[str, str], ScoredImage],
    prior_threshold: float | None,
) -> ArmScore:
    seeds = sorted({key[2] for key in here})
    by_seed = [[here[key] for key in sorted(here) if key[2] == seed] for seed in seeds]
    images = [image for seed in by_seed for image in seed]
    paired = [control.get(key[:2]) for key in sorted(here) if key[2] == seeds[0]]
    others = [image for image in paired if image is not None]
    whole = all(len(seed) == len(others) for seed in by_seed) and len(others) == len(paired)
    compared = arm != CONTROL and whole
    values, differences = _measure(images, others * len(seeds) if compared else [], len(seeds))
    if prior_threshold is not None:
        at = [[i._replace(threshold=prior_threshold) for i in part] for part in (images, others)]
        prior, changed = _measure(at[0], at[1] * len(seeds) if compared else [], len(seeds))
        values[AT_PRIOR] = prior["f1"]
        differences |= {AT_PRIOR: changed["f1"]} if changed else {}
    alone = [summary(pool(seed)) for seed in by_seed] if len(seeds) > 1 else []
    spread = {m: float(np.std([v[m] for v in alone], ddof=1)) for m in METRICS if alone}
    figures = sum(len(image.figures) for image in by_seed[0])
    return ArmScore(
        group, arm, len(by_seed[0]), figures, values, differences, spread, 0.0, np.nan, 0.0
    )


def _measure(
    images: list[ScoredImage], others: list[ScoredImage], seeds: int
) -> tuple[dict[str, tuple[float, float, float]], dict[str, Difference]]:
    """Values with their limits, and differences to others where there are any.

    Images repeat the same fields for every seed: a resample draws fields, with all their seeds.
    """
    pooled = pool(images)
    resamples = draw([i.slide for i in images[: len(images) // seeds]], RESAMPLES)
    resamples = resamples._replace(weights=np.tile(resamples.weights, (1, seeds)))
    values, limits = summary(pooled), intervals(pooled, resamples)
    differences = paired_differences(pooled, pool(others), resamples) if others else {}
    return {m: (values[m], *limits[m]) for m in METRICS}, differences


def _gain(adapted: dict[Key, ScoredImage], control: dict[tuple[str, str], ScoredImage]) -> float:
    """F1 minus that of the control, on the images that were adapted to."""
    both = [(image, control[key[:2]]) for key, image in adapted.items() if key[:2] in control]
    if not both:
        return float("nan")
    ours, theirs = (pool(list(images)) for images in zip(*both, strict=True))
    return summary(ours)["f1"] - summary(theirs)["f1"]


def _with_thresholds(
    rows: list[dict[str, Any]], truth: dict[str, AnnotatedImage], threshold: float | None
) -> dict[Key, ScoredImage]:
    """Scored images of one arm, each with its threshold."""
    images = {_key(row): scored_row(row, truth[row["image"]]) for row in rows}
    tissue = {key: truth[key[1]].tissue or truth[key[1]].slide for key in images}
    chosen: dict[str | None, float] = {}
    for name in set(tissue.values()) if threshold is None else ():
        others = [
            image
            for key, image in images.items()
            if key[0] == AS_IT_IS and tissue[key] != name and len(image.figures)
        ]
        if others:
            chosen[name] = best_threshold(others).threshold
    return {
        key: image._replace(threshold=chosen.get(tissue[key], _given(threshold)))
        for key, image in images.items()
    }


def _given(threshold: float | None) -> float:
    return np.inf if threshold is None else threshold


def scored_row(row: dict[str, Any], annotated: AnnotatedImage) -> ScoredImage:
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
    """The scores as a Markdown table, differences to the control behind each value."""
    lines = [
        "| images | arm | AP | best F1 | F1 | F1 at prior | precision | recall | FP/mm² | adapted "
        "| gain there | s |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for score in scores:
        metrics = ("ap", "best_f1", "f1", AT_PRIOR, "precision", "recall", "density")
        cells = [_cell(score, metric) for metric in metrics]
        adapted = "-" if score.arm == CONTROL else f"{score.adapted:.0%}"
        lines.append(
            f"| {score.group} | {score.arm} | {' | '.join(cells)} "
            f"| {adapted} | {_number(score.gain, '+')} | {score.seconds:.1f} |"
        )
    groups = {score.group: f"{score.images} images, {score.figures} figures" for score in scores}
    lines += [
        "",
        "; ".join(f"{name}: {what}" for name, what in groups.items())
        + ". In brackets 95 % bootstrap intervals; after the value the paired difference to no "
        "adaptation; after ± the standard deviation over the seeds. adapted: images whose "
        "adaptation the guard let stand; gain there: their F1 minus that of no adaptation.",
    ]
    path.write_text("\n".join(lines) + "\n")


def _cell(score: ArmScore, metric: str) -> str:
    if metric not in score.values:
        return "-"
    value, low, high = score.values[metric]
    text = _number(value) + (f" ±{score.spread[metric]:.3f}" if metric in score.spread else "")
    if metric in ("precision", "recall"):
        return _number(value)
    if not np.isfinite(value):
        return "-"
    if metric in score.differences:
        difference, low, high = score.differences[metric]
        return f"{text} {difference:+.3f} [{low:+.2f}, {high:+.2f}]"
    return f"{text} [{low:.2f}, {high:.2f}]"


def _number(value: float, sign: str = "") -> str:
    return f"{value:{sign}.3f}" if np.isfinite(value) else "-"


def write_scores(scores: Sequence[ArmScore], out: Path) -> None:
    """Write table.md and figure.png into a folder, and print the table."""
    write_table(scores, out / "table.md")
    write_figure(scores, out / "figure.png")
    print((out / "table.md").read_text())


def write_figure(scores: Sequence[ArmScore], path: Path) -> None:
    """Paired differences of AP and F1 to the control, an interval an arm and group."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [s for s in scores if s.differences and np.isfinite(s.values["ap"][0])]
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
        axes.set_yticks(range(len(shown)), [f"{s.group}, {s.arm}" for s in shown], fontsize=7)
        axes.grid(axis="x", alpha=0.3)
    if shown:
        axes.invert_yaxis()
    figure.savefig(path, dpi=120)
