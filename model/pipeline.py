"""An image's way through the detector: candidates, adaptation, classification, detections."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from model.adaptation import ARMS, AdaptationSettings
from model.adaptation.guard import DIVERGED, reason_to_fall_back
from model.candidates import SETTINGS, find_candidates
from model.classification import mitosis_probabilities
from model.detections import MIN_PROBABILITY, merge
from model.image import Image, resample
from model.network import MitosisNetwork
from model.precision import Precision
from model.source_bank import SourceBank
from model.target import CHUNK, Target

DEFAULT_CUT = 3  # where no bank says otherwise
# Time kept for what follows adaptation, as a multiple of the first classification's, and in s.
CLASSIFICATION_RESERVE = 1.5
WRITING_RESERVE = 2.0

Progress = Callable[[str, int, int], None]  # stage, done, planned


@dataclass(frozen=True)
class DetectorSettings:
    """How the detector treats every image.

    Attributes:
        adaptation: name of an arm.
        schedule: epochs, rate, batch size, steps, lambda, seed and precision of the adaptation.
        candidates: name of the candidates' settings.
        threshold: probability from which a detection is a mitotic figure.
        time_budget: seconds for an image from the start of its reading; None for no limit.
        threads: processor threads for finding candidates.
    """

    adaptation: str
    schedule: AdaptationSettings
    threshold: float
    candidates: str = "default"
    time_budget: float | None = None
    threads: int = 2


@dataclass(frozen=True)
class Detections:
    """What was found in an image.

    Attributes:
        points: (n, 2) float64 x, y in px of the image.
        probabilities: (n,) float32, descending.
        without_adaptation: (n,) float32, the shipped network's probabilities of the same points.
        candidates: number of candidates.
        rescaled: whether the image was brought to the training resolution.
        adaptation: account of what the adaptation did.
        seconds: by stage.
    """

    points: np.ndarray
    probabilities: np.ndarray
    without_adaptation: np.ndarray
    candidates: int
    rescaled: bool
    adaptation: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)


class Detector:
    """Weights and bank loaded once; every image starts from the shipped weights."""

    def __init__(
        self,
        network: MitosisNetwork,
        bank: SourceBank | None,
        settings: DetectorSettings,
        device: torch.device,
        weights_sha256: str = "",
    ) -> None:
        """Put network and bank on the device; the hash of the weights is kept for the record.

        Raises:
            ValueError: the adaptation needs a bank and there is none.
        """
        if bank is None and settings.adaptation != "none":
            raise ValueError(f"--adaptation {settings.adaptation} needs a source bank")
        self.settings = settings
        self.device = device
        self.weights_sha256 = weights_sha256
        self.bank_sha256 = bank.sha256 if bank is not None else None
        self._network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._bank = bank.to(device) if bank is not None else None
        self._cut = bank.cut if bank is not None else DEFAULT_CUT

    def detect(
        self, image: Image, started: float | None = None, progress: Progress | None = None
    ) -> Detections:
        """Mitotic figures of an image.

        Args:
            image: pixels and pixel size.
            started: time.monotonic() at the start of its reading, from which the budget counts.
            progress: told of stages and steps.
        """
        started = time.monotonic() if started is None else started
        seconds: dict[str, float] = {}
        precision = self.settings.schedule.precision
        with _timed(seconds, "candidates"):
            scaled = resample(image)
            centres = find_candidates(
                scaled.pixels, SETTINGS[self.settings.candidates], self.settings.threads
            )
        with _timed(seconds, "patches"):
            target = Target(
                self._network,
                scaled.pixels,
                centres,
                self._cut,
                precision,
                self.settings.schedule.seed,
            )
        with _timed(seconds, "classification"):
            shipped = self._classify(self._network, target, precision)
        with _timed(seconds, "adaptation"):
            deadline = self._deadline(started, seconds["classification"])
            adapted, account = self._adapt(target, shipped, deadline, progress)
        points = scaled.to_input(centres)
        shown = adapted >= MIN_PROBABILITY
        kept = np.flatnonzero(shown)[merge(points[shown] * image.mpp, adapted[shown])]
        return Detections(
            points=points[kept],
            probabilities=adapted[kept],
            without_adaptation=shipped[kept],
            candidates=len(centres),
            rescaled=scaled.pixels is not image.pixels,
            adaptation=account,
            seconds=seconds,
        )

    def _classify(
        self, network: MitosisNetwork, target: Target, precision: Precision
    ) -> np.ndarray:
        """Probabilities (n,) of the candidates.

        Those that are to be reported are looked at in eight views, whose log odds are averaged
        (test-time augmentation: out of fold on A00-A02 it raised average precision from 0.69 to
        0.72); the many that are not keep the probability of the one view.
        """
        parts = [mitosis_probabilities(network, c, self._cut, precision) for c in target.chunks()]
        probabilities = torch.cat(parts).numpy() if parts else np.zeros(0, np.float32)
        shown = np.flatnonzero(probabilities >= MIN_PROBABILITY)
        for part in np.array_split(shown, -(-len(shown) // CHUNK)) if len(shown) else ():
            views = [
                mitosis_probabilities(network, view, self._cut, precision).logit(eps=1e-7)
                for view in target.views(part)
            ]
            probabilities[part] = torch.stack(views).mean(dim=0).sigmoid().numpy()
        return probabilities

    def _deadline(self, started: float, classification: float) -> float | None:
        if self.settings.time_budget is None:
            return None
        reserve = CLASSIFICATION_RESERVE * classification + WRITING_RESERVE
        return started + self.settings.time_budget - reserve

    def _adapt(
        self,
        target: Target,
        shipped: np.ndarray,
        deadline: float | None,
        progress: Progress | None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Probabilities (n,) after adaptation, or the shipped ones, and the account of it."""
        arm = self.settings.adaptation
        account: dict[str, Any] = {"arm": arm, "fallback": None}
        if self._bank is None or arm == "none" or len(target) == 0:
            return shipped, account | {"steps": 0}
        schedule = self.settings.schedule
        schedule = _with(schedule, deadline, progress)
        copied = copy.deepcopy(self._network)
        result = ARMS[arm](copied, target.sample, self._bank, schedule)
        adapted = self._classify(result.network, target, schedule.precision)
        fallback = (
            DIVERGED
            if result.account.get("diverged")
            else reason_to_fall_back(
                self._network,
                result.network,
                torch.from_numpy(shipped),
                torch.from_numpy(adapted),
                self._bank,
                schedule.precision,
            )
        )
        threshold = self.settings.threshold
        changed = float(((shipped >= threshold) != (adapted >= threshold)).mean())
        account |= result.account | {"fallback": fallback, "share_changed": changed}
        return (shipped if fallback else adapted), account


def _with(
    schedule: AdaptationSettings, deadline: float | None, progress: Progress | None
) -> AdaptationSettings:
    values = vars(schedule) | {"deadline": deadline}
    if progress is not None:
        values["on_step"] = lambda done, planned: progress("adaptation", done, planned)
    return AdaptationSettings(**values)


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[stage] = round(time.monotonic() - started, 3)
