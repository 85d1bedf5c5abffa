"""Scores a network on images as the detector does: whole fields, and montages of a domain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from evaluation.scored_image import ScoredImage
from model.adaptation.calibration import Calibration, shifted
from model.adaptation.guard import check_calibration, failures
from model.candidates import SETTINGS, find_candidates
from model.detections import select
from model.detector import DEFAULT_CUT
from model.network import MitosisNetwork
from model.precision import choose_device, choose_precision
from model.scoring import score
from model.target import TargetDomain
from slide.resample import resample
from training.montage import MPP, TILE, domain_montage, draw_candidates
from training.samples import SourceImage


class ScoredCandidates(NamedTuple):
    """All candidates of an image with their probabilities, before any calibration.

    Attributes:
        name, slide, domain: of the image.
        points: (n, 2) x, y in px.
        probabilities: (n,) float32.
        figures: (m, 2) x, y in px of the mitotic figures.
        mpp: µm per px.
        size: px (width, height).
    """

    name: str
    slide: str
    domain: str
    points: np.ndarray
    probabilities: np.ndarray
    figures: np.ndarray
    mpp: float
    size: tuple[int, int]

    def calibrated(self, calibration: Calibration | None) -> np.ndarray:
        """(n,) float32 probabilities under a calibration, if there is one and its checks pass."""
        if calibration is None or failures(check_calibration(calibration, self.probabilities)):
            return self.probabilities
        return shifted(self.probabilities, calibration.shift(self.probabilities))

    def detections(self, calibration: Calibration | None = None) -> ScoredImage:
        """The image as the scoring takes it, calibrated unless the guard's checks fail."""
        probabilities = self.calibrated(calibration)
        kept = select(self.points * self.mpp, probabilities)
        return ScoredImage(
            name=self.name,
            points=self.points[kept],
            probabilities=probabilities[kept].astype(float),
            figures=self.figures,
            mpp=(self.mpp, self.mpp),
            size=self.size,
            slide=self.slide,
            domain=self.domain,
        )


def score_fields(
    network: MitosisNetwork,
    images: list[SourceImage],
    figures: dict[str, np.ndarray],
    mpp: float,
    calibrations: Sequence[Calibration | None] = (None,),
    candidates: str = "default",
) -> list[list[ScoredImage]]:
    """Detections of a network that is not adapted: the fields under each calibration.

    Args:
        network: trained.
        images: whole fields.
        figures: centres (n, 2) px of mitotic figures by file name.
        mpp: µm per pixel of the fields.
        calibrations: of the scores to each field; None for none.
        candidates: name of the candidates' settings.
    """
    scored = score_field_candidates(network, images, figures, mpp, candidates)
    return [[image.detections(c) for image in scored] for c in calibrations]


def score_field_candidates(
    network: MitosisNetwork,
    images: Iterable[SourceImage],
    figures: dict[str, np.ndarray],
    mpp: float,
    candidates: str = "default",
) -> list[ScoredCandidates]:
    """The candidates of whole fields; for the arguments see `score_fields`."""
    scored = []
    for image in tqdm(images, desc="fields", mininterval=5):
        scaled = resample(image.pixels, mpp)
        centres = find_candidates(scaled.pixels, SETTINGS[candidates])
        scored.append(
            ScoredCandidates(
                name=image.file,
                slide=image.slide,
                domain=image.domain,
                points=scaled.to_input(centres),
                probabilities=_probabilities(network, scaled.pixels, centres),
                figures=figures.get(image.file, np.zeros((0, 2))),
                mpp=mpp,
                size=(image.pixels.shape[1], image.pixels.shape[0]),
            )
        )
    return scored


def score_domain_candidates(
    network: MitosisNetwork, data: Path, domain: str, share: float, images: int
) -> list[ScoredCandidates]:
    """Images of a domain of the crops with a mitotic share: all negatives, and figures in turn.

    Args:
        network: that has not seen the domain.
        data: the data folder.
        domain: of the crops.
        share: of mitotic figures in an image.
        images: at most.
    """
    montage = domain_montage(data, domain)
    probabilities = _probabilities(network, montage.pixels, montage.centres)
    scored = []
    for number, index in enumerate(draw_candidates(montage.mitotic, share, images)):
        centres = montage.centres[index]
        scored.append(
            ScoredCandidates(
                name=f"{domain}/{number}",
                slide=f"{domain}/{number}",
                domain=domain,
                points=centres,
                probabilities=probabilities[index],
                figures=centres[montage.mitotic[index]],
                mpp=MPP,
                size=(TILE, TILE * len(index)),
            )
        )
    return scored


def _probabilities(network: MitosisNetwork, pixels: np.ndarray, centres: np.ndarray) -> np.ndarray:
    device = choose_device("auto")
    precision = choose_precision("auto", device)
    network = network.to(device)
    target = TargetDomain(network, pixels, centres, DEFAULT_CUT, precision, keep=False)
    return score(network, target).probabilities
