"""The sets of images that the evidence is measured on, each with a network that has not seen it.

Whole fields and pieces are scored by the shipped network; a left-out domain by a network that was
trained on the others, with the threshold and the calibration of the shipped card. A domain is
scored as it is and under the virtual scanners that chose nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from evaluation import ScoringError
from evaluation.annotated_image import AnnotatedImage
from experiments.arms import Setup, load_setup
from experiments.cases import Case, find_cases
from experiments.dense_pieces import DensePiece, dense_pieces
from experiments.left_out_domains import LeftOutImage, by_slide, load_fold
from experiments.results import Row
from experiments.runs import Subject
from model.weights import load_card
from training.bank_selection import Selection
from training.crops import crop_domains
from training.domain_folds import train_fold
from training.icpr_2012 import SELECTION_SLIDES
from training.montage import Montage, draw_montages
from training.virtual_scanners import AS_IT_IS, REPORTING

SELECTION, PIECES, SCANNERS = "A00-A02", "dense pieces", "virtual scanners"
A03, UNSEEN, LEFT_OUT = "A03", "unseen lab", "left out: "
Truth = dict[str, AnnotatedImage]


class EvidenceSet(NamedTuple):
    """A set of images.

    Attributes:
        name: of the set.
        images: under their virtual scanners.
        load: the network, bank and settings that process them.
        load_baseline: the same of other weights, without a bank; None where these have seen it.
        with_truth: rows of results with the annotations of the images that they are of.
    """

    name: str
    images: Sequence[Subject]
    load: Callable[[], Setup]
    load_baseline: Callable[[], Setup] | None
    with_truth: Callable[[list[Row]], tuple[list[Row], Truth]]


def set_names() -> list[str]:
    """All sets, in the order of the table."""
    fields = [SELECTION, PIECES, A03, SCANNERS, UNSEEN]
    return [*fields, *(LEFT_OUT + domain for domain in crop_domains())]


def load_set(name: str, options: argparse.Namespace) -> EvidenceSet:
    """A set by its name.

    Args:
        name: one of set_names().
        options: of experiments.evidence.

    Raises:
        ScoringError: images are missing, or the weights were trained on them.
    """
    if name.startswith(LEFT_OUT):
        return _left_out(name, options)
    if load_card(options.weights).values.get("data", {}).get("training_slides"):
        raise ScoringError("these weights were trained on whole fields, which they cannot score")
    images = _field_images(name, options)
    annotated = {image.image: image.annotated for image in images}
    return EvidenceSet(
        name,
        images,
        lambda: load_setup(options.weights, options.source_bank, guarded=not options.unguarded),
        options.baseline and (lambda: load_setup(options.baseline, None)),
        lambda rows: (rows, annotated),
    )


def _field_images(name: str, options: argparse.Namespace) -> Sequence[Case | DensePiece]:
    fields, limit = options.fields, options.limit
    if name == A03:
        return find_cases(fields, "A03*", limit=limit)
    if name == UNSEEN:
        return find_cases(fields, "Case*", limit=limit)
    if name == SCANNERS:
        cases = find_cases(fields, "A03*", "reporting", limit)
        return [case for case in cases if case.scanner != AS_IT_IS]
    slides = "".join(slide[-1] for slide in SELECTION_SLIDES)
    selection = find_cases(fields, f"A0[{slides}]*", limit=limit)
    return dense_pieces(selection) if name == PIECES else selection


def _left_out(name: str, options: argparse.Namespace) -> EvidenceSet:
    if options.data is None or options.runs is None:
        raise ScoringError(f"{name} needs --data and --runs")
    domain = name.removeprefix(LEFT_OUT)
    montages = list(draw_montages(options.data, domain, options.share, options.draws))
    montages = montages[: options.limit]
    return EvidenceSet(
        name,
        [LeftOutImage(scanner, montage) for scanner in REPORTING for montage in montages],
        lambda: _fold(domain, options),
        _baseline_without(domain, options.baseline),
        lambda rows: by_slide(rows, _found(rows, montages)),
    )


def _fold(domain: str, options: argparse.Namespace) -> Setup:
    card = load_card(options.weights)
    fold = train_fold(options.data, options.runs, domain, options.preset)
    return load_fold(
        options.data,
        fold,
        Selection(negatives=options.negatives),
        threshold=card.threshold,
        calibration=card.calibration,
        guarded=not options.unguarded,
    )


def _baseline_without(domain: str, baseline: Path | None) -> Callable[[], Setup] | None:
    """The baseline's weights, if the domain was not among those that they were trained on."""
    if baseline is None or domain in load_card(baseline).domains:
        return None
    return lambda: load_setup(baseline, None)


def _found(rows: list[Row], montages: list[Montage]) -> list[Montage]:
    """The montages that have results."""
    names = {row["image"] for row in rows}
    return [montage for montage in montages if montage.name in names]
