"""F1 of the detector beside that of the plain version of the method, image by image.

Part of `python -m experiments.benchmark --fields FIELDS`. The plain loop takes hours: results
are kept as they come, and an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from batch.options import DEFAULT_ARM
from evaluation import ScoringError
from evaluation.metrics import pool, summary
from evaluation.run import USUAL_MPP
from evaluation.scored_image import ScoredImage
from experiments import plain
from experiments.ablation import Case, find_cases, read_results
from model.adaptation.base import AdaptationSettings
from model.detections import MIN_PROBABILITY, Detections, merge
from model.detector import Detector, DetectorSettings
from model.network import MitosisNetwork
from model.precision import choose_device, choose_precision
from model.source_bank import SourceBank, SourceBankError, load_bank
from model.weights import Card, load_weights
from slide.image import Image
from slide.read import read_image
from slide.resample import resample

SETS = {"A03": "A03*", "unseen lab": "Case*"}
PLAIN, SHIPPED_METHOD = "plain", "paper-frozen"
ARMS = tuple(dict.fromkeys(("none", DEFAULT_ARM, SHIPPED_METHOD, PLAIN)))
RESULTS_FILE = "results.jsonl"


class Setup(NamedTuple):
    """What the images are looked at with."""

    network: MitosisNetwork
    card: Card
    detector: Detector
    pixel_bank: SourceBank


def compare_f1(options: argparse.Namespace) -> dict[str, Any]:
    """F1, best F1 and AP of each arm on slide A03 and on the unseen lab.

    Args:
        options: of experiments.benchmark; fields, pixel_bank and out must be given. max_steps, if
            there is one, ends every adaptation early.

    Raises:
        ScoringError: an option is missing, or no image of a set is there.
        SourceBankError: a bank cannot be used, or that of the plain loop holds no pixels.
    """
    if options.pixel_bank is None or options.out is None:
        raise ScoringError("--fields needs --pixel-bank and --out")
    setup = _setup(options)
    options.out.mkdir(parents=True, exist_ok=True)
    sets = {
        name: list(find_cases(options.fields, only, "none", None)) for name, only in SETS.items()
    }
    done = {(row["image"], row["arm"]) for row in read_results(options.out)}
    cases = [case for cases in sets.values() for case in cases]
    with (options.out / RESULTS_FILE).open("a") as file:
        for case in tqdm(cases, desc="images", mininterval=5, disable=options.quiet):
            wanted = [arm for arm in ARMS if (case.annotated.stem, arm) not in done]
            for row in _rows(setup, case, wanted, getattr(options, "max_steps", None)):
                file.write(json.dumps(row) + "\n")
                file.flush()
    rows = read_results(options.out)
    return {name: _scores(rows, cases, setup.card.threshold) for name, cases in sets.items()}


def _setup(options: argparse.Namespace) -> Setup:
    device = choose_device(options.device)
    network, card = load_weights(options.weights)
    bank = load_bank(options.source_bank, card.sha256, card.domains)
    pixel_bank = load_bank(options.pixel_bank, card.sha256, card.domains)
    if pixel_bank.cut != 0:
        raise SourceBankError(f"{options.pixel_bank} holds no pixels: make it with --cut 0")
    schedule = AdaptationSettings(
        reversal_weight=card.reversal_weight, precision=choose_precision("auto", device)
    )
    settings = DetectorSettings(
        "none", schedule, card.threshold, card.candidates, calibration=card.calibration
    )
    return Setup(network, card, Detector(network, bank, settings, device, card.sha256), pixel_bank)


def _rows(
    setup: Setup, case: Case, arms: list[str], max_steps: int | None
) -> Iterator[dict[str, Any]]:
    if not arms:
        return
    image = read_image(case.path)
    detector = setup.detector
    schedule = replace(detector.settings.schedule, max_steps=max_steps)
    detector.settings = replace(detector.settings, schedule=schedule)
    prepared = detector.prepare(image)
    for arm in arms:
        if arm == PLAIN:
            points, probabilities = detect_plainly(setup, image, max_steps)
        else:
            found: Detections = detector.adapt(prepared, arm)
            points, probabilities = found.points, found.probabilities
        yield {
            "image": case.annotated.stem,
            "arm": arm,
            "points": points.round(2).tolist(),
            "probabilities": [round(float(p), 6) for p in probabilities],
        }


def detect_plainly(
    setup: Setup, image: Image, max_steps: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 2) x, y in px of an image and their probabilities, by the plain version.

    With frozen batch norm statistics: as written, in training mode, the method collapses
    (docs/adaptation.md), and to beat that would say nothing.
    """
    scaled = resample(image.pixels, image.mpp)
    centres = plain.find_candidates(scaled.pixels)
    patches = plain.cut_patches(scaled.pixels, centres)
    bank = setup.pixel_bank
    used = ~bank.check & ~bank.reserve
    network = plain.plain_network(setup.network).to(setup.detector.device)
    plain.adapt(
        network,
        plain.Source(bank.values[used], bank.mitotic[used], bank.domain[used]),
        patches,
        reversal_weight=setup.card.reversal_weight,
        batch_norm="frozen",
        max_steps=max_steps,
    )
    probabilities = plain.classify(network, patches)
    shown = probabilities >= MIN_PROBABILITY
    points = scaled.to_input(centres)[shown]
    kept = merge(points * image.mpp, probabilities[shown])
    return points[kept], probabilities[shown][kept]


def _scores(
    rows: list[dict[str, Any]], cases: list[Case], threshold: float
) -> dict[str, dict[str, float]]:
    truth = {case.annotated.stem: case.annotated for case in cases}
    scores = {}
    for arm in ARMS:
        images = [
            ScoredImage(
                name=row["image"],
                points=np.array(row["points"], float).reshape(-1, 2),
                probabilities=np.array(row["probabilities"], float),
                figures=truth[row["image"]].figures,
                mpp=truth[row["image"]].mpp or USUAL_MPP,
                size=truth[row["image"]].size,
                threshold=threshold,
                slide=truth[row["image"]].slide,
                domain=truth[row["image"]].domain,
            )
            for row in rows
            if row["arm"] == arm and row["image"] in truth
        ]
        values = summary(pool(images))
        scores[arm] = {name: round(values[name], 4) for name in ("f1", "best_f1", "ap")}
    return scores
