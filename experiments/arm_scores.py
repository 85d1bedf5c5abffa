"""Scores of the arms of an experiment, with intervals and differences to no adaptation.

F1 is taken at the threshold of the weights' card. Where the card's was not chosen for these weights
and arms, one rule is used for every arm: the threshold for a slide is the one that gives the arm
the best pooled F1 on the other slides, as they are, without a virtual scanner. Either way F1 falls
where scores shift between slides or scanners.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evaluation.annotated_image import AnnotatedImage
from evaluation.bootstrap import Difference, draw, intervals, paired_differences
from evaluation.metrics import best_threshold, pool, summary
from evaluation.run import USUAL_MPP
from evaluation.scored_image import ScoredImage
from experiments.adaptations.registry import NO_ADAPTATION
from experiments.results import Row
from training.virtual_scanners import AS_IT_IS

METRICS = ("ap", "best_f1", "f1", "precision", "recall", "density")
# F1 at the threshold corrected to the prior of candidates, which `summary` does not compute.
AT_PRIOR = "f1_at_prior"
RESAMPLES = 500

Key = tuple[str, str, int]  # scanner, image, seed
Images = dict[Key, ScoredImage]
Values = dict[str, tuple[float, float, float]]  # value, low, high by metric


class ArmScore(NamedTuple):
    """An arm on a group of images, over all its seeds.

    Attributes:
        group: a virtual scanner, a domain where there are several, or "all" with figures.
        arm: its name, with the schedule where there are several.
        images, figures: numbers of them, once.
        values: (value, low, high) by metric.
        differences: to no adaptation, by metric; empty where the images are not the same.
        spread: standard deviation over the seeds by metric; empty with one seed.
        adapted: share of images whose adaptation the guard accepted.
        gain: difference of F1 to no adaptation on those.
        seconds: mean time of an adaptation.
    """

    group: str
    arm: str
    images: int
    figures: int
    values: Values
    differences: dict[str, Difference]
    spread: dict[str, float]
    adapted: float
    gain: float
    seconds: float


def summarise(
    rows: list[Row],
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
    rows = _named_by_schedule([row for row in rows if row["image"] in truth])
    arms = sorted({row["arm"] for row in rows}, key=lambda arm: (arm != NO_ADAPTATION, arm))
    by_arm = {arm: [row for row in rows if row["arm"] == arm] for arm in arms}
    scored = {arm: with_thresholds(mine, truth, threshold) for arm, mine in by_arm.items()}
    return [
        _score(group, arm, members, by_arm[arm], scored, prior_threshold)
        for group, members in _groups(rows, truth).items()
        for arm in arms
        if any(key[:2] in members for key in scored[arm])
    ]


def scored_image(row: Row, annotated: AnnotatedImage) -> ScoredImage:
    """What a row found beside the annotations of its image."""
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


def with_thresholds(
    rows: list[Row], truth: dict[str, AnnotatedImage], threshold: float | None
) -> Images:
    """Scored images of one arm, each with its threshold: the one given, or that of its slide."""
    images = {_key(row): scored_image(row, truth[row["image"]]) for row in rows}
    if threshold is not None:
        return {key: image._replace(threshold=threshold) for key, image in images.items()}
    tissue = {key: truth[key[1]].tissue or truth[key[1]].slide for key in images}
    chosen = {name: _best_elsewhere(images, tissue, name) for name in set(tissue.values())}
    return {key: image._replace(threshold=chosen[tissue[key]]) for key, image in images.items()}


def measure(
    images: list[ScoredImage], others: list[ScoredImage], seeds: int = 1
) -> tuple[Values, dict[str, Difference]]:
    """Values with their limits, and paired differences to others where there are any.

    Args:
        images: the same fields for each seed, in the same order, seed after seed. A resample draws
            fields, with all their seeds.
        others: what each of the images is compared with; may be empty.
        seeds: number of them.
    """
    pooled = pool(images)
    resamples = draw([i.slide for i in images[: len(images) // seeds]], RESAMPLES)
    resamples = resamples._replace(weights=np.tile(resamples.weights, (1, seeds)))
    values, limits = summary(pooled), intervals(pooled, resamples)
    differences = paired_differences(pooled, pool(others), resamples) if others else {}
    return {m: (values[m], *limits[m]) for m in METRICS}, differences


def _score(
    group: str,
    arm: str,
    members: set[tuple[str, str]],
    rows: list[Row],
    scored: dict[str, Images],
    prior_threshold: float | None,
) -> ArmScore:
    """The score of an arm on the members (scanner, image) of a group."""
    here = {key: image for key, image in scored[arm].items() if key[:2] in members}
    unadapted = {key[:2]: i for key, i in scored.get(NO_ADAPTATION, {}).items()}
    by_seed = [
        [here[key] for key in sorted(here) if key[2] == seed]
        for seed in sorted({key[2] for key in here})
    ]
    others = [unadapted[key[:2]] for key in _first_seed(here) if key[:2] in unadapted]
    comparable = arm != NO_ADAPTATION and all(len(seed) == len(others) for seed in by_seed)
    values, differences = _measure_all(by_seed, others if comparable else [], prior_threshold)
    mine = [row for row in rows if _key(row)[:2] in members]
    accepted = [row for row in mine if row["adaptation"]["fallback"] is None]
    adapted = [] if arm == NO_ADAPTATION else [_key(row) for row in accepted]
    return ArmScore(
        group,
        arm,
        len(by_seed[0]),
        sum(len(image.figures) for image in by_seed[0]),
        values,
        differences,
        _spread(by_seed),
        len(adapted) / len(mine),
        _gain({key: here[key] for key in adapted}, unadapted),
        float(np.mean([row["seconds"]["adaptation"] for row in mine])),
    )


def _measure_all(
    by_seed: list[list[ScoredImage]], others: list[ScoredImage], prior_threshold: float | None
) -> tuple[Values, dict[str, Difference]]:
    """The measures at the images' thresholds, and F1 at the one corrected to the prior."""
    images, seeds = [image for seed in by_seed for image in seed], len(by_seed)
    values, differences = measure(images, others * seeds, seeds)
    if prior_threshold is None:
        return values, differences
    at = [[i._replace(threshold=prior_threshold) for i in part] for part in (images, others)]
    at_prior, change = measure(at[0], at[1] * seeds, seeds)
    values[AT_PRIOR] = at_prior["f1"]
    return values, differences | ({AT_PRIOR: change["f1"]} if change else {})


def _spread(by_seed: list[list[ScoredImage]]) -> dict[str, float]:
    if len(by_seed) == 1:
        return {}
    values = [summary(pool(seed)) for seed in by_seed]
    return {metric: float(np.std([v[metric] for v in values], ddof=1)) for metric in METRICS}


def _gain(adapted: Images, unadapted: dict[tuple[str, str], ScoredImage]) -> float:
    """F1 minus that without adaptation, on the images that were adapted to."""
    both = [(image, unadapted[key[:2]]) for key, image in adapted.items() if key[:2] in unadapted]
    if not both:
        return float("nan")
    ours, theirs = (pool(list(images)) for images in zip(*both, strict=True))
    return summary(ours)["f1"] - summary(theirs)["f1"]


def _named_by_schedule(rows: list[Row]) -> list[Row]:
    """The rows, the schedule added to the name of an arm that was run with several."""
    schedules: dict[str, set[str]] = {}
    for row in rows:
        schedules.setdefault(row["arm"], set()).add(row.get("schedule", ""))
    return [
        row | {"arm": f"{row['arm']}, {row['schedule']} schedule"}
        if len(schedules[row["arm"]]) > 1
        else row
        for row in rows
    ]


def _groups(rows: list[Row], truth: dict[str, AnnotatedImage]) -> dict[str, set[tuple[str, str]]]:
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


def _best_elsewhere(images: Images, tissue: dict[Key, str | None], name: str | None) -> float:
    """The best threshold on the slides of other tissue; infinite where there are none."""
    others = [
        image
        for key, image in images.items()
        if key[0] == AS_IT_IS and tissue[key] != name and len(image.figures)
    ]
    return best_threshold(others).threshold if others else np.inf


def _first_seed(images: Images) -> Sequence[Key]:
    first = min(key[2] for key in images)
    return [key for key in sorted(images) if key[2] == first]


def _key(row: Row) -> Key:
    return row["scanner"], row["image"], row["seed"]
