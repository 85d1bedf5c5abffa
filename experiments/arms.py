"""Arms of an experiment: several adaptations of the same prepared image.

An image is prepared once: resampled, its candidates found, their activations computed, and scored
by the shipped network. Each arm then has its own detector, which shares network and bank.

    setup = load_setup(weights, source_bank)
    prepared = prepare(setup, Field(pixels, mpp))
    found = run_arm(setup, prepared, Trial("paper", seed=0, schedule="short"))
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from evaluation.annotated_image import unmasked
from experiments.adaptations.registry import (
    ARMS,
    LEARN_FROM_SCORES,
    NO_ADAPTATION,
    STAIN_NORMALISED,
)
from experiments.cases import Field
from experiments.results import Row
from experiments.schedules import SHIPPED, scheduled
from model.adaptation.base import AdaptationSettings
from model.adaptation.registry import ADAPTATIONS, Adaptation
from model.clock import Clock
from model.detections import Detections, select
from model.detector import Detector, DetectorSettings
from model.network import MitosisNetwork
from model.precision import choose_device, choose_precision
from model.scoring import Scores, score
from model.source_bank import SourceBank, load_bank
from model.target import MAX_KEPT, TargetDomain
from model.weights import load_weights
from slide.resample import Resampled, resample


class Trial(NamedTuple):
    """One adaptation of an image: the name of an arm, a seed and the name of a schedule."""

    arm: str
    seed: int = 0
    schedule: str = SHIPPED


@dataclass(frozen=True)
class Setup:
    """What all arms share.

    Attributes:
        network: the shipped one.
        bank: the shipped one; None where no arm needs it.
        settings: of a detector without adaptation; the arms replace adaptation and schedule.
        device: the processor or a GPU.
        weights_sha256: hash of the weights.
    """

    network: MitosisNetwork
    bank: SourceBank | None
    settings: DetectorSettings
    device: torch.device
    weights_sha256: str

    def detector(
        self, arm: str = NO_ADAPTATION, schedule: AdaptationSettings | None = None
    ) -> Detector:
        """The detector of an arm."""
        settings = replace(
            self.settings,
            adaptation=_adaptation(arm, self.settings),
            schedule=schedule or self.settings.schedule,
        )
        return Detector(self.network, self.bank, settings, self.device, self.weights_sha256)

    def description(self) -> dict[str, Any]:
        """What distinguishes results that must not be mixed, ready for JSON."""
        settings, schedule = self.settings, self.settings.schedule
        return {
            "weights": self.weights_sha256,
            "source_bank": None if self.bank is None else self.bank.sha256,
            "threshold": settings.threshold,
            "calibration": None if settings.calibration is None else asdict(settings.calibration),
            "guarded": settings.guarded,
            "precision": schedule.precision,
            "schedule": [
                *(schedule.epochs, schedule.learning_rate, schedule.batch_size),
                *(schedule.max_steps, schedule.reversal_weight),
            ],
            "options": {
                name: [dict(arm.options), dict(arm.schedule)] for name, arm in ADAPTATIONS.items()
            },
        }


class PreparedImage(NamedTuple):
    """An image before adaptation.

    Attributes:
        image: at the training resolution.
        mpp: µm per pixel of the image that was given.
        centres: (n, 2) x, y in px of its candidates at the training resolution.
        target: their activations at the cut.
        before: their scores by the shipped network.
        seconds: by stage.
    """

    image: Resampled
    mpp: float | tuple[float, float]
    centres: np.ndarray
    target: TargetDomain
    before: Scores
    seconds: dict[str, float]


def load_setup(
    weights: Path, source_bank: Path | None, *, guarded: bool = True, device: str = "auto"
) -> Setup:
    """Network, bank and the settings of their card.

    Args:
        weights: folder with weights.safetensors and card.json.
        source_bank: folder with bank.safetensors; None where no arm needs a bank.
        guarded: whether the guard can refuse an adaptation.
        device: "auto", "cpu" or "cuda".

    Raises:
        ValueError: weights or bank cannot be used.
    """
    where = choose_device(device)
    network, card = load_weights(weights)
    bank = None if source_bank is None else load_bank(source_bank, card.sha256, card.domains)
    settings = DetectorSettings(
        ARMS[NO_ADAPTATION],
        AdaptationSettings(
            reversal_weight=card.reversal_weight, precision=choose_precision("auto", where)
        ),
        card.threshold,
        candidates=card.candidates,
        calibration=card.calibration,
        guarded=guarded,
    )
    return Setup(network, bank, settings, where, card.sha256)


def trials(arms: Sequence[str], seeds: Sequence[int], schedules: Sequence[str]) -> list[Trial]:
    """The trials of each image; an arm without steps needs only one seed and schedule."""
    return [
        Trial(arm, seed, schedule)
        for arm in arms
        for seed in (seeds if ARMS[arm].needs_bank else seeds[:1])
        for schedule in (schedules if ARMS[arm].needs_bank else schedules[:1])
    ]


def prepare(setup: Setup, field: Field) -> PreparedImage:
    """Everything that an image needs before it is adapted to; the same for every arm."""
    detector, clock = setup.detector(), Clock()
    with clock.stage("candidates"):
        image = resample(field.pixels, field.mpp)
        centres = _centres(detector, field, image)
    with clock.stage("patches"):
        target = detector.target_domain(image.pixels, centres)
    with clock.stage("classification"):
        before = score(detector.network, target)
    return PreparedImage(image, field.mpp, centres, target, before, clock.seconds)


def run_arm(setup: Setup, prepared: PreparedImage, trial: Trial) -> Detections:
    """Detections of a prepared image after one trial's adaptation."""
    entries = 0 if setup.bank is None else len(setup.bank.entries_to_adapt_with())
    patches = entries + min(len(prepared.centres), MAX_KEPT)
    shipped = replace(setup.settings.schedule, **ARMS[trial.arm].schedule)
    schedule = scheduled(trial.schedule, shipped, patches, trial.seed)
    detector = setup.detector(trial.arm, schedule)
    started = time.monotonic()
    after, record = detector.adapt(_target(detector, prepared, trial.arm), prepared.before)
    seconds = prepared.seconds | {"adaptation": round(time.monotonic() - started, 3)}
    points = prepared.image.to_input(prepared.centres)
    kept = select(points * prepared.mpp, after)
    return Detections(
        points=points[kept],
        probabilities=after[kept],
        without_adaptation=prepared.before.probabilities[kept],
        candidates=len(points),
        rescaled=prepared.image.scale != (1.0, 1.0),
        adaptation=record,
        seconds=seconds,
    )


def result_row(trial: Trial, found: Detections) -> Row:
    """What is kept of a trial, ready for JSON; the caller adds which image it was."""
    return {
        **trial._asdict(),
        "points": found.points.round(2).tolist(),
        "probabilities": [round(float(p), 6) for p in found.probabilities],
        "candidates": found.candidates,
        "seconds": found.seconds,
        "adaptation": found.adaptation.model_dump(mode="json", exclude={"curve"}),
    }


def trial_of(row: Row) -> Trial:
    """The trial that a row is a result of."""
    return Trial(row["arm"], row["seed"], row["schedule"])


def _adaptation(arm: str, settings: DetectorSettings) -> Adaptation:
    """The adaptation of an arm, with the level of the scores where it learns from them."""
    adaptation = ARMS[arm]
    if arm not in LEARN_FROM_SCORES:
        return adaptation
    level = {"threshold": settings.threshold, "calibration": settings.calibration}
    return replace(adaptation, options={**adaptation.options, **level})


def _centres(detector: Detector, field: Field, image: Resampled) -> np.ndarray:
    """The candidates (n, 2) x, y in px of the resampled image, without those that are masked."""
    if field.centres is not None:
        return field.centres
    centres = detector.find_candidates(image.pixels)
    return centres[unmasked(image.to_input(centres), field.masked)]


def _target(detector: Detector, prepared: PreparedImage, arm: str) -> TargetDomain:
    """The candidates that an arm's network scores; candidates stay where the image has them."""
    if arm not in STAIN_NORMALISED:
        return prepared.target
    from experiments.adaptations.macenko import normalise_stain

    return detector.target_domain(normalise_stain(prepared.image.pixels), prepared.centres)
