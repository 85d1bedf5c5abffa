"""An image's way through the detector: candidates, adaptation, classification, detections."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch

from model.adaptation.base import Adapt, AdaptationSettings, Arm
from model.adaptation.calibration import Calibration, shifted
from model.adaptation.diagnostics import drift_by_layer, proxy_a_distances
from model.adaptation.guard import (
    DIVERGED,
    Check,
    Evidence,
    balanced_accuracy,
    check_calibration,
    check_network,
    decision,
    reason_to_abstain,
    told,
)
from model.adaptation.registry import ARMS
from model.candidates import SETTINGS, find_candidates
from model.detections import MIN_PROBABILITY, merge
from model.network import MitosisNetwork
from model.scoring import mitosis_probabilities
from model.source_bank import SourceBank
from model.target import MAX_KEPT, Target
from slide.image import Image
from slide.memory import MemoryBudget
from slide.resample import Resampled, resample

DEFAULT_CUT = 3  # where no bank says otherwise
VIEWED = 512  # candidates whose pixels in all views are held at once
# Time kept for what follows adaptation, as a multiple of the first classification's, and in s.
CLASSIFICATION_RESERVE = 2.5  # after adaptation, and of the guard's networks in one view
WRITING_RESERVE = 2.0
# Memory of the process beside an image's pixels, measured, with a margin: loaded (0.83 to 0.90 GB),
# and the peak on a field of 2990 candidates, kept activations apart (float32 1.35 GB, bf16 1.20).
RESTING_BYTES = 1_000_000_000
WORKING_BYTES = 1_500_000_000

# Centres (n, 2) x, y in px of candidates, of pixels (height, width, 3) at the training resolution.
Find = Callable[[np.ndarray], np.ndarray]
Progress = Callable[[str, int, int], None]  # stage, done, planned


@dataclass(frozen=True)
class DetectorSettings:
    """How the detector treats every image.

    Attributes:
        adaptation: name of an arm.
        schedule: epochs, rate, batch size, steps, lambda, seed and precision of the adaptation.
        candidates: name of the candidates' settings.
        threshold: probability from which a detection is a mitotic figure.
        calibration: for the arms that calibrate; None where the weights' card has none.
        time_budget: seconds for an image from the start of its reading; None for no limit.
        threads: processor threads for finding candidates.
        guarded: whether the guard decides; without it every adaptation is used (evaluation alone).
        diagnostics: whether the account tells proxy A-distances.
    """

    adaptation: str
    schedule: AdaptationSettings
    threshold: float
    candidates: str = "default"
    calibration: Calibration | None = None
    time_budget: float | None = None
    threads: int = 2
    guarded: bool = True
    diagnostics: bool = False


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


class Scores(NamedTuple):
    """Probabilities (n,) float32 of the candidates, and those of a single view."""

    probabilities: np.ndarray
    one_view: np.ndarray


class Prepared(NamedTuple):
    """An image before adaptation.

    Attributes:
        image: as it was given.
        scaled: at the training resolution.
        centres: (n, 2) x, y in px of its candidates there.
        target: their activations at the cut.
        shipped: scores by the shipped network.
        seconds: by stage.
    """

    image: Image
    scaled: Resampled
    centres: np.ndarray
    target: Target
    shipped: Scores
    seconds: dict[str, float]


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
            ValueError: the adaptation needs a bank or a calibration and there is none.
        """
        arm = ARMS[settings.adaptation]
        if bank is None and arm.adapt is not None:
            raise ValueError(f"--adaptation {settings.adaptation} needs a source bank")
        if settings.calibration is None and arm.calibrates:
            raise ValueError(
                f"--adaptation {settings.adaptation} needs the calibration that the card of these "
                "weights lacks"
            )
        self.settings = settings
        self.device = device
        self.weights_sha256 = weights_sha256
        self.bank_sha256 = bank.sha256 if bank is not None else None
        self._network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._bank = bank.to(device) if bank is not None else None
        self._cut = bank.cut if bank is not None else DEFAULT_CUT

    @property
    def source_entries(self) -> int:
        """Entries of the bank that every epoch of the paper's schedule goes through."""
        return int((~self._bank.check & ~self._bank.reserve).sum()) if self._bank else 0

    def memory_budget(self, limit: int) -> MemoryBudget:
        """What the detector takes of a limit in bytes for the process.

        The activations that an arm adapts to are kept, at most MAX_KEPT of them, in float32.
        """
        arm, kept = ARMS[self.settings.adaptation], 0
        detecting = SETTINGS[self.settings.candidates].bytes_per_pixel
        if arm.change_pixels is not None:
            detecting += 3  # the image as it was, and as it is changed
        if self._bank is not None:
            kept = MAX_KEPT * self._bank.values[0].numel() * 4
        return MemoryBudget(limit, RESTING_BYTES, WORKING_BYTES + kept, detecting)

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
        return self.adapt(self.prepare(image), self.settings.adaptation, started, progress)

    def prepare(self, image: Image, find: Find | None = None) -> Prepared:
        """All that an image needs before it is adapted to; the same for every arm.

        Args:
            image: pixels and pixel size.
            find: instead of the search for candidates that the settings name.
        """
        seconds: dict[str, float] = {}
        with _timed(seconds, "candidates"):
            scaled = resample(image.pixels, image.mpp)
            centres = (find or self.find)(scaled.pixels)
        with _timed(seconds, "patches"):
            target = self._target(scaled.pixels, centres)
        with _timed(seconds, "classification"):
            shipped = self._classify(self._network, target)
        return Prepared(image, scaled, centres, target, shipped, seconds)

    def find(self, pixels: np.ndarray) -> np.ndarray:
        """Centres (n, 2) x, y in px of the candidates of an image (height, width, 3)."""
        return find_candidates(pixels, SETTINGS[self.settings.candidates], self.settings.threads)

    def adapt(
        self,
        prepared: Prepared,
        arm: str,
        started: float | None = None,
        progress: Progress | None = None,
    ) -> Detections:
        """Detections of a prepared image after an arm's adaptation to it."""
        started = time.monotonic() if started is None else started
        seconds = dict(prepared.seconds)
        with _timed(seconds, "adaptation"):
            deadline = self._deadline(started, seconds["classification"])
            adapted, account = self._adapt(prepared, arm, deadline, progress)
        image, shipped = prepared.image, prepared.shipped.probabilities
        points = prepared.scaled.to_input(prepared.centres)
        shown = adapted >= MIN_PROBABILITY
        kept = np.flatnonzero(shown)[merge(points[shown] * image.mpp, adapted[shown])]
        return Detections(
            points=points[kept],
            probabilities=adapted[kept],
            without_adaptation=shipped[kept],
            candidates=len(points),
            rescaled=prepared.scaled.pixels is not image.pixels,
            adaptation=account,
            seconds=seconds,
        )

    def _target(self, pixels: np.ndarray, centres: np.ndarray) -> Target:
        schedule = self.settings.schedule
        return Target(
            self._network, pixels, centres, self._cut, schedule.precision, schedule.seed,
            keep=self._bank is not None,
        )  # fmt: skip

    def _classify(self, network: MitosisNetwork, target: Target) -> Scores:
        """Scores of the candidates."""
        one_view = self._one_view(network, target)
        return Scores(self._eight_views(network, target, one_view), one_view)

    def _eight_views(
        self, network: MitosisNetwork, target: Target, one_view: np.ndarray
    ) -> np.ndarray:
        """Probabilities (n,) of the candidates, of which those of one view are known.

        Those that are to be reported are looked at in eight views of two sizes, whose log odds are
        averaged (test-time augmentation: docs/method.md has what it gives); the many that are not
        keep the probability of the one view.
        """
        precision = self.settings.schedule.precision
        probabilities = one_view.copy()
        shown = np.flatnonzero(probabilities >= MIN_PROBABILITY)
        for part in np.array_split(shown, -(-len(shown) // VIEWED)) if len(shown) else ():
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
        prepared: Prepared,
        name: str,
        deadline: float | None,
        progress: Progress | None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Probabilities (n,) after adaptation, or the shipped ones, and the account of it."""
        arm, shipped = ARMS[name], prepared.shipped.probabilities
        adapted = shipped
        account: dict[str, Any] = {"arm": name, "fallback": None, "steps": 0}
        if len(prepared.target) == 0:
            return adapted, account
        of_network: list[Check] = []
        of_shift: list[Check] = []
        if arm.adapt is not None:
            schedule = self._schedule(deadline, progress)
            adapted, of_network, changes = self._adapted_network(prepared, arm, arm.adapt, schedule)
            account |= changes
        if arm.calibrates and self.settings.calibration is not None:
            shift = self.settings.calibration.shift(adapted)
            of_shift = check_calibration(
                self.settings.calibration, adapted, self.settings.threshold
            )
            if self._abstains(of_shift):
                shift = 0.0
            adapted = shifted(adapted, shift) if shift else adapted
            account["log_odds_shift"] = round(shift, 4)
        if of_network or of_shift:
            checks = of_network + of_shift
            account["fallback"] = reason_to_abstain(checks) if self._abstains(checks) else None
            account["decision"] = decision(of_network, of_shift)
            account["guard"] = told(checks)
        positive = [p >= self.settings.threshold for p in (shipped, adapted)]
        account["share_changed"] = float((positive[0] != positive[1]).mean())
        return adapted, account

    def _adapted_network(
        self, prepared: Prepared, arm: Arm, adapt: Adapt, schedule: AdaptationSettings
    ) -> tuple[np.ndarray, list[Check], dict[str, Any]]:
        """Probabilities (n,), what the guard says of the adapted network, and the account.

        The guard asks of one view; a network that it refuses is not worth the other seven, and the
        probabilities are those of the shipped one.
        """
        assert self._bank is not None
        target, precision = prepared.target, schedule.precision
        if arm.change_pixels is not None:
            pixels = arm.change_pixels(prepared.scaled.pixels)
            target = self._target(pixels, prepared.centres)
        result = adapt(copy.deepcopy(self._network), target.sample, self._bank, schedule)
        account = result.account
        if account.get("diverged"):
            return prepared.shipped.probabilities, [DIVERGED], account
        one_view = self._one_view(result.network, target)
        account["drift_by_layer"] = drift_by_layer(self._network, result.network)
        if self.settings.diagnostics:
            account |= proxy_a_distances(
                self._network, result.network, target.sample, self._bank, precision
            )
        networks = (self._network, result.network)
        evidence = Evidence(
            accuracy=tuple(balanced_accuracy(n, self._bank, precision) for n in networks),  # type: ignore[arg-type]
            drift=account.get("drift"),
            threshold=None if arm.calibrates else self.settings.threshold,
            before=prepared.shipped.one_view,
            after=one_view,
            halfway=None if result.halfway is None else self._one_view(result.halfway, target),
        )
        checks = check_network(evidence)
        if self._abstains(checks):
            return prepared.shipped.probabilities, checks, account
        probabilities = self._eight_views(result.network, target, one_view)
        return probabilities, checks, account

    def _one_view(self, network: MitosisNetwork, target: Target) -> np.ndarray:
        precision = self.settings.schedule.precision
        parts = [mitosis_probabilities(network, c, self._cut, precision) for c in target.chunks()]
        return torch.cat(parts).numpy() if parts else np.zeros(0, np.float32)

    def _abstains(self, checks: list[Check]) -> bool:
        if DIVERGED in checks:  # there is nothing to use
            return True
        return self.settings.guarded and reason_to_abstain(checks) is not None

    def _schedule(self, deadline: float | None, progress: Progress | None) -> AdaptationSettings:
        """The schedule of one image's adaptation."""
        schedule = replace(
            self.settings.schedule,
            deadline=deadline,
            calibration=self.settings.calibration,
            threshold=self.settings.threshold,
        )
        if progress is None:
            return schedule
        return replace(
            schedule, on_step=lambda done, planned: progress("adaptation", done, planned)
        )


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[stage] = round(time.monotonic() - started, 3)
