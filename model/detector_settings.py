"""How the detector treats every image."""

from __future__ import annotations

from dataclasses import dataclass

from model.adaptation.base import AdaptationSettings
from model.adaptation.calibration import Calibration
from model.adaptation.registry import Adaptation


@dataclass(frozen=True)
class DetectorSettings:
    """How the detector treats every image.

    Attributes:
        adaptation: the adaptation applied to each image.
        schedule: epochs, rate, batch size, steps, lambda, seed and precision of the adaptation.
        threshold: probability from which a detection is a mitotic figure.
        candidates: name of the candidates' settings.
        calibration: for adaptations that calibrate; None where the weights' card has none.
        time_budget: seconds for an image from the start of its reading; None for no limit.
        threads: processor threads for finding candidates.
        guarded: whether the guard's checks have consequences; only experiments do without.
        diagnostics: whether the record contains proxy A-distances.
    """

    adaptation: Adaptation
    schedule: AdaptationSettings
    threshold: float
    candidates: str = "default"
    calibration: Calibration | None = None
    time_budget: float | None = None
    threads: int = 2
    guarded: bool = True
    diagnostics: bool = False
