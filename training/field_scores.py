"""Scores a network on whole fields, as the detector sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from evaluation.scored_image import ScoredImage
from model.adaptation.base import AdaptationSettings
from model.adaptation.calibration import Calibration
from model.detector import Detector, DetectorSettings
from model.network import MitosisNetwork
from model.precision import choose_device, choose_precision
from slide.image import Image
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
    settings = DetectorSettings("none", schedule, 0.5, candidates)
    detector = Detector(network, None, settings, device)
    scored: list[list[ScoredImage]] = [[] for _ in calibrations]
    for image in tqdm(images, desc="fields", mininterval=5):
        spacing = (mpp / 1000, mpp / 1000)
        prepared = detector.prepare(Image(image.pixels, spacing, (0.0, 0.0)))
        for rows, calibration in zip(scored, calibrations, strict=True):
            detector.settings = replace(detector.settings, calibration=calibration)
            found = detector.adapt(prepared, "none" if calibration is None else "calibrated")
            rows.append(
                ScoredImage(
                    name=image.file,
                    points=found.points,
                    probabilities=found.probabilities.astype(float),
                    figures=figures.get(image.file, np.zeros((0, 2))),
                    mpp=(mpp, mpp),
                    size=(image.pixels.shape[1], image.pixels.shape[0]),
                    slide=image.slide,
                    domain=image.domain,
                )
            )
    return scored
