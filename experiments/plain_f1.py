"""F1 of the detector beside that of the plain version of the method, image by image.

Part of `python -m experiments.benchmark --fields FIELDS`. The plain loop takes hours: results
are kept as they come, and an interrupted run continues.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from evaluation import ScoringError
from evaluation.metrics import pool, summary
from experiments import plain
from experiments.adaptations.registry import NO_ADAPTATION
from experiments.arm_scores import scored_image
from experiments.arms import Setup, Trial, load_setup, prepare, run_arm
from experiments.cases import Case, Field, find_cases
from experiments.results import Results, Row
from model.adaptation.registry import DEFAULT_ADAPTATION
from model.detections import select
from model.source_bank import SourceBank, SourceBankError, load_bank
from model.weights import load_card
from slide.resample import resample

SETS = {"A03": "A03*", "unseen lab": "Case*"}
PLAIN, SAME_METHOD = "plain", "paper-frozen"
ARMS = tuple(dict.fromkeys((NO_ADAPTATION, DEFAULT_ADAPTATION, SAME_METHOD, PLAIN)))


class Comparison(NamedTuple):
    """What the images are processed with: the detector's arms, and the plain loop's source."""

    setup: Setup
    pixel_bank: SourceBank


def compare_f1(options: argparse.Namespace) -> dict[str, dict[str, dict[str, float]]]:
    """F1, best F1 and AP of each arm on slide A03 and on the unseen lab.

    Args:
        options: of experiments.benchmark; fields, pixel_bank and out must be given. max_steps, if
            there is one, ends every adaptation early.

    Raises:
        ScoringError: an option is missing, or no image of a set was found.
        SourceBankError: a bank cannot be used, or that of the plain loop holds no pixels.
    """
    if options.pixel_bank is None or options.out is None:
        raise ScoringError("--fields needs --pixel-bank and --out")
    comparison = _load(options)
    results = Results(options.out, comparison.setup.description())
    sets = {name: find_cases(options.fields, only) for name, only in SETS.items()}
    cases = [case for cases in sets.values() for case in cases]
    done = {(row["image"], row["arm"]) for row in results.rows}
    for case in tqdm(cases, desc="images", mininterval=5, disable=options.quiet):
        wanted = [arm for arm in ARMS if (case.image, arm) not in done]
        for row in _rows(comparison, case, wanted, getattr(options, "max_steps", None)):
            results.add(row)
    threshold = comparison.setup.settings.threshold
    return {name: _scores(results.rows, cases, threshold) for name, cases in sets.items()}


def _load(options: argparse.Namespace) -> Comparison:
    setup = load_setup(options.weights, options.source_bank, device=options.device)
    domains = load_card(options.weights).domains
    pixel_bank = load_bank(options.pixel_bank, setup.weights_sha256, domains)
    if pixel_bank.cut != 0:
        raise SourceBankError(f"{options.pixel_bank} holds no pixels: make it with --cut 0")
    return Comparison(setup, pixel_bank)


def _rows(
    comparison: Comparison, case: Case, arms: list[str], max_steps: int | None
) -> Iterator[Row]:
    if not arms:
        return
    settings = comparison.setup.settings
    limited = replace(settings, schedule=replace(settings.schedule, max_steps=max_steps))
    setup = replace(comparison.setup, settings=limited)
    field = case.read()
    prepared = prepare(setup, field)
    for arm in arms:
        if arm == PLAIN:
            points, probabilities = detect_plainly(comparison, field, max_steps)
        else:
            found = run_arm(setup, prepared, Trial(arm))
            points, probabilities = found.points, found.probabilities
        yield {
            "image": case.image,
            "arm": arm,
            "points": points.round(2).tolist(),
            "probabilities": [round(float(p), 6) for p in probabilities],
        }


def detect_plainly(
    comparison: Comparison, field: Field, max_steps: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 2) x, y in px of an image and their probabilities, by the plain version.

    Batch norm statistics are frozen: with batch norm in training mode, as in the paper, the method
    collapses (experiments/LOG.md), and to be better than that would prove nothing.
    """
    setup, bank = comparison
    scaled = resample(field.pixels, field.mpp)
    centres = plain.find_candidates(scaled.pixels)
    patches = plain.cut_patches(scaled.pixels, centres)
    used = bank.entries_to_adapt_with()
    network = plain.plain_network(setup.network).to(setup.device)
    plain.adapt(
        network,
        plain.Source(bank.values[used], bank.mitotic[used], bank.domain[used]),
        patches,
        reversal_weight=setup.settings.schedule.reversal_weight,
        batch_norm="frozen",
        max_steps=max_steps,
    )
    probabilities = plain.classify(network, patches)
    points = scaled.to_input(centres)
    kept = select(points * field.mpp, probabilities)
    return points[kept], probabilities[kept]


def _scores(rows: list[Row], cases: list[Case], threshold: float) -> dict[str, dict[str, float]]:
    truth = {case.image: case.annotated for case in cases}
    scores = {}
    for arm in ARMS:
        images = [
            scored_image(row, truth[row["image"]])._replace(threshold=threshold)
            for row in rows
            if row["arm"] == arm and row["image"] in truth
        ]
        values = summary(pool(images))
        scores[arm] = {name: round(values[name], 4) for name in ("f1", "best_f1", "ap")}
    return scores
