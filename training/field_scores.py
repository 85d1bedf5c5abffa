"""Scores a network on whole fields, as the detector sees them."""

from __future__ import annotations

import numpy as np
import torch
from tqdm import tqdm

from evaluation.scored_image import ScoredImage
from model.adaptation import AdaptationSettings
from model.image import Image
from model.network import MitosisNetwork
from model.pipeline import Detector, DetectorSettings
from model.precision import choose_device, choose_precision
from training.samples import SourceImage


def score_fields(
    network: MitosisNetwork,
    images: list[SourceImage],
    figures: dict[str, np.ndarray],
    mpp: float,
    threshold: float = 0.5,
    candidates: str = "default",
) -> list[ScoredImage]:
    """Detections without adaptation beside the figures, an entry a field.

    Args:
        network: trained.
        images: whole fields.
        figures: centres (n, 2) px of mitotic figures by file name.
        mpp: µm per pixel of the fields.
        threshold: that of the entries.
        candidates: name of the candidates' settings.
    """
    device = choose_device("auto")
    schedule = AdaptationSettings(precision=choose_precision("auto", device))
    settings = DetectorSettings("none", schedule, threshold, candidates)
    detector = Detector(network, None, settings, device)
    scored = []
    for image in tqdm(images, desc="fields", mininterval=5):
        spacing = (mpp / 1000, mpp / 1000)
        with torch.inference_mode():
            found = detector.detect(Image(image.pixels, spacing, (0.0, 0.0)))
        scored.append(
            ScoredImage(
                name=image.file,
                points=found.points,
                probabilities=found.probabilities.astype(float),
                figures=figures.get(image.file, np.zeros((0, 2))),
                mpp=(mpp, mpp),
                size=(image.pixels.shape[1], image.pixels.shape[0]),
                threshold=threshold,
                slide=image.slide,
                domain=image.domain,
            )
        )
    return scored
