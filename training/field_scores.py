"""Scores a network on whole fields, as the detector sees them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from evaluation.scored_image import ScoredImage
from model.adaptation.base import AdaptationSettings
from model.adaptation.calibration import Calibration
from model.adaptation.guard import Guard
from model.adaptation.registry import find_adaptation
from model.detections import select
from model.detector import Detector, DetectorSettings
from model.network import MitosisNetwork
from model.precision import choose_device, choose_precision
from model.scoring import score
from slide.resample import resample
from training.samples import SourceImage


def score_fields(
    network: MitosisNetwork,
    images: list[SourceImage],
    figures: dict[str, np.ndarray],
    mpp: float,
    calibrations: Sequence[Calibration | None] = (None,),
    candidates: str = "default",
) -> list[list[ScoredImage]]:
    """Detections by the network as it is beside the figures, an entry a field.

    Args:
        network: trained.
        images: whole fields.
        figures: centres (n, 2) px of mitotic figures by file name.
        mpp: µm per pixel of the fields.
        calibrations: of the scores to each field; None for none.
        candidates: name of the candidates' settings.

    Returns:
        The fields under each calibration.
    """
    device = choose_device("auto")
    schedule = AdaptationSettings(precision=choose_precision("auto", device))
    settings = DetectorSettings(find_adaptation("none"), schedule, 0.5, candidates)
    detector = Detector(network, None, settings, device)
    guard = Guard(network, None, None)
    scored: list[list[ScoredImage]] = [[] for _ in calibrations]
    for image in tqdm(images, desc="fields", mininterval=5):
        scaled = resample(image.pixels, mpp)
        centres = detector.find_candidates(scaled.pixels)
        before = score(network, detector.target_domain(scaled.pixels, centres)).probabilities
        points = scaled.to_input(centres)
        for rows, calibration in zip(scored, calibrations, strict=True):
            probabilities = before
            if calibration is not None and len(before):
                probabilities, _, _ = guard.calibrated(before, calibration)
            kept = select(points * mpp, probabilities)
            rows.append(
                ScoredImage(
                    name=image.file,
                    points=points[kept],
                    probabilities=probabilities[kept].astype(float),
                    figures=figures.get(image.file, np.zeros((0, 2))),
                    mpp=(mpp, mpp),
                    size=(image.pixels.shape[1], image.pixels.shape[0]),
                    slide=image.slide,
                    domain=image.domain,
                )
            )
    return scored
