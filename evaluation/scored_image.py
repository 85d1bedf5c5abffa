"""One image to be scored: its detections and its mitotic figures."""

from typing import NamedTuple

import numpy as np

UNKNOWN_DOMAIN = "all"


class ScoredImage(NamedTuple):
    """Detections and figures of one image. All scores are computed from these.

    name           what tables call it (the stem of the file)
    points         (n, 2) float, detections x, y in px
    probabilities  (n,) float in 0..1
    figures        (m, 2) float, mitotic figures x, y in px
    mpp            µm per pixel (x, y)
    size           px (width, height), only used for false positives per mm²
    threshold      a detection is positive from this probability on
    slide          slide or case, None where unknown; the bootstrap draws slides
    domain         scanner and laboratory
    analysed       px², area of the regions of interest; None for the whole image
    """

    name: str
    points: np.ndarray
    probabilities: np.ndarray
    figures: np.ndarray
    mpp: tuple[float, float]
    size: tuple[int, int] = (0, 0)
    threshold: float = 0.5
    slide: str | None = None
    domain: str = UNKNOWN_DOMAIN
    analysed: float | None = None

    @property
    def area(self) -> float:
        """mm² of what was analysed, 0 where the size is unknown."""
        pixels = self.size[0] * self.size[1] if self.analysed is None else self.analysed
        return pixels * self.mpp[0] * self.mpp[1] * 1e-6

    def positives(self) -> np.ndarray:
        """(k, 2) px: the detections at or above the threshold, in their order."""
        return self.points[self.probabilities >= self.threshold]
