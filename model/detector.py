"""The detector: from the pixels of an image to its mitotic figures.

>>> from model.detector import Detector
>>> detector = Detector.load(adaptation="gradient-reversal", max_steps=20)
>>> found = detector.detect(pixels, mpp=0.25)  # (height, width, 3) uint8 RGB, µm per pixel
>>> figures = found.points[found.probabilities >= detector.settings.threshold]  # (n, 2) x, y in px
>>> found.adaptation.steps
20
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.adaptation.base import AdaptationSettings, Adapted
from model.adaptation.calibration import at_level_of
from model.adaptation.diagnostics import drift_by_layer, proxy_a_distances
from model.adaptation.guard import Guard, decision
from model.adaptation.record import AdaptationRecord, Check
from model.adaptation.registry import DEFAULT_ADAPTATION, find_adaptation
from model.candidates import SETTINGS, find_candidates, tissue_mask
from model.clock import Clock
from model.detections import Detections, select
from model.detector_settings import DetectorSettings as DetectorSettings
from model.network import MitosisNetwork
from model.precision import choose_device, choose_precision
from model.repeated_cells import repetition_warning
from model.scoring import Scores, score
from model.screen import Screen, load_screen
from model.source_bank import SourceBank, load_bank
from model.target import MAX_KEPT, Target, TargetDomain
from model.weights import load_weights
from model.within import candidates_within
from slide.appearance import measure
from slide.margins import Box, Margins, find_margins, placed
from slide.memory import MemoryBudget
from slide.regions_of_interest import Regions
from slide.resample import resample

ROOT = Path(__file__).resolve().parents[1]
DEFAULT_CUT = 3  # where no bank says otherwise
# Memory of the process beside an image's pixels, measured, with a margin: loaded (0.83 to 0.90 GB),
# and the peak on a field of 2990 candidates, kept activations apart (float32 1.35 GB, bf16 1.20).
RESTING_BYTES = 1_000_000_000
WORKING_BYTES = 1_500_000_000

Progress = Callable[[str, int, int], None]  # stage, steps done, steps planned


class Detector:
    """Weights and bank, loaded once; every image starts from the shipped weights."""

    def __init__(
        self,
        network: MitosisNetwork,
        bank: SourceBank | None,
        settings: DetectorSettings,
        device: torch.device,
        weights_sha256: str = "",
        screen: Screen | None = None,
    ) -> None:
        """Put network, bank and screen on the device; the weights' hash is kept for the record.

        Raises:
            ValueError: the adaptation needs a bank or a calibration and there is none.
        """
        name = settings.adaptation.name
        if bank is None and settings.adaptation.needs_bank:
            raise ValueError(f"--adaptation {name} needs a source bank")
        if settings.calibration is None and settings.adaptation.calibrates:
            raise ValueError(
                f"--adaptation {name} needs a calibration, which the card of these weights lacks"
            )
        self.settings = settings
        self.device = device
        self.weights_sha256 = weights_sha256
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.bank = bank.to(device) if bank is not None else None
        self.screen = screen.to(device) if screen is not None else None
        self._guard = Guard(
            self.network,
            self.bank,
            None if settings.adaptation.calibrates else settings.threshold,
            settings.guarded,
        )
        if settings.adaptation.needs_bank:
            self._adapt = settings.adaptation.load()

    @classmethod
    def load(
        cls,
        *,
        weights: Path = ROOT / "weights",
        source_bank: Path = ROOT / "source_bank",
        adaptation: str = DEFAULT_ADAPTATION,
        device: str = "auto",
        precision: str = "auto",
        threshold: float | None = None,
        candidates: str | None = None,
        time_budget: float | None = None,
        diagnostics: bool = False,
        **schedule: Any,
    ) -> Detector:
        """A detector with verified weights and bank.

        Args:
            weights: folder with weights.safetensors and card.json.
            source_bank: folder with bank.safetensors; read where the adaptation needs it.
            adaptation: a name of model.adaptation.registry.ADAPTATIONS.
            device: "auto", "cpu" or "cuda".
            precision: "auto", "fp32" or "bf16".
            threshold, candidates: the card's where None.
            time_budget, diagnostics: see DetectorSettings.
            schedule: epochs, learning_rate, batch_size, max_steps, reversal_weight and seed of
                AdaptationSettings; the adaptation's own where None.

        Raises:
            ValueError: weights, bank, device or name cannot be used; the message says why.
        """
        chosen, where = find_adaptation(adaptation), choose_device(device)
        network, card = load_weights(weights)
        bank = load_bank(source_bank, card.sha256, card.domains) if chosen.needs_bank else None
        given = {name: value for name, value in schedule.items() if value is not None}
        values = {"reversal_weight": card.reversal_weight} | dict(chosen.schedule) | given
        settings = DetectorSettings(
            adaptation=chosen,
            schedule=AdaptationSettings(precision=choose_precision(precision, where), **values),
            threshold=card.threshold if threshold is None else threshold,
            candidates=candidates or card.candidates,
            calibration=card.calibration,
            time_budget=time_budget,
            diagnostics=diagnostics,
        )
        screen = None if chosen.every_candidate else load_screen(weights, card)
        return cls(network, bank, settings, where, card.sha256, screen)

    @property
    def bank_sha256(self) -> str | None:
        """Hash of the bank's file; None where the adaptation needs none."""
        return None if self.bank is None else self.bank.sha256

    def detect(
        self,
        pixels: np.ndarray,
        mpp: float | tuple[float, float],
        *,
        regions: Regions | None = None,
        started: float | None = None,
        progress: Progress | None = None,
    ) -> Detections:
        """Mitotic figures of an image: candidates, their scores, and the adaptation to the image.

        Args:
            pixels: (height, width, 3) uint8 RGB.
            mpp: µm per pixel, one for both axes or (x, y).
            regions: of interest, in px; None for the whole image.
            started: time.monotonic() at the start of its reading, from which the budget counts.
            progress: called with the stage, the steps done and the steps planned.
        """
        clock = Clock(self.settings.time_budget, started)
        with clock.stage("candidates"):
            margins = self.margins(pixels, mpp)
            box = margins.box
            image = resample(pixels[box.slices], mpp)
            mask = tissue_mask(image.pixels, image.mpp(mpp), self.settings.threads)
            inside = None if regions is None else regions.seen_from(box.corner)
            tissue, centres = candidates_within(
                inside, image, mask, SETTINGS[self.settings.candidates], self.settings.threads
            )
        with clock.stage("patches"):
            target = self.target_domain(image.pixels, centres)
        with clock.stage("classification"):
            before = score(self.network, target)
        with clock.stage("adaptation"):
            after, record = self.adapt(target, before, clock.deadline(), progress)
        points = image.to_input(centres) + box.corner
        kept = select(points * mpp, after)
        tissue = placed(tissue, margins, pixels.shape, image.scale, regions)
        return Detections(
            points=points[kept],
            probabilities=after[kept],
            without_adaptation=before.probabilities[kept],
            candidates=len(centres),
            rescaled=image.scale != (1.0, 1.0),
            adaptation=record,
            seconds=clock.seconds,
            appearance=measure(image.pixels, tissue),
            tissue=tissue,
            warnings=repetition_warning(image.pixels, centres[kept]),
        )

    def margins(self, pixels: np.ndarray, mpp: float | tuple[float, float]) -> Margins:
        """The parts of an image in which no candidates are looked for.

        Settings over the whole image need them. Arguments as for detect.
        """
        if SETTINGS[self.settings.candidates].over == "image":
            return Margins(Box(0, pixels.shape[0], 0, pixels.shape[1]))
        x, y = mpp if isinstance(mpp, tuple) else (mpp, mpp)
        return find_margins(pixels, math.sqrt(x * y), self.settings.threads)

    def find_candidates(self, pixels: np.ndarray) -> np.ndarray:
        """Centres (n, 2) x, y in px of the candidates of pixels at the training resolution."""
        settings = SETTINGS[self.settings.candidates]
        return find_candidates(pixels, settings, self.settings.threads)

    def target_domain(
        self, pixels: np.ndarray, centres: np.ndarray, screened: bool = True
    ) -> TargetDomain:
        """Patches around the centres (n, 2) of candidates, and their activations below the cut.

        screened: whether the screen may reject some, if there is one.
        """
        schedule, bank = self.settings.schedule, self.bank
        cut = DEFAULT_CUT if bank is None else bank.cut
        return TargetDomain(
            self.network, pixels, centres, cut, schedule.precision, schedule.seed,
            keep=bank is not None, screen=self.screen if screened else None,
        )  # fmt: skip

    def adapt(
        self,
        target: Target,
        before: Scores,
        deadline: float | None = None,
        progress: Progress | None = None,
    ) -> tuple[np.ndarray, AdaptationRecord]:
        """Probabilities (n,) of the candidates after adaptation, and what the adaptation did.

        Args:
            target: the candidates.
            before: their scores by the shipped network.
            deadline: value of time.monotonic() after which no step begins.
            progress: see detect.
        """
        adaptation = self.settings.adaptation
        record = AdaptationRecord(name=adaptation.name)
        after = before.probabilities
        if len(target) == 0:
            return after, record
        of_network: list[Check] = []
        of_shift: list[Check] = []
        if self.bank is not None and adaptation.needs_bank:
            schedule = self._schedule(deadline, progress)
            adapted = self._adapt(copy.deepcopy(self.network), target.sample, self.bank, schedule)
            after, of_network = self._guard.scores(adapted, target, before)
            if adaptation.keeps_level:
                after = at_level_of(before.probabilities, after)
            record = self._record(adapted, target)
        if self.settings.calibration is not None and adaptation.calibrates:
            after, record.log_odds_shift, of_shift = self._guard.calibrated(
                after, self.settings.calibration
            )
        record.guard = of_network + of_shift
        record.fallback = self._guard.reason_to_abstain(record.guard)
        record.decision = decision(of_network, of_shift)
        record.share_changed = self._share_changed(before.probabilities, after)
        return after, record

    def memory_budget(self, limit: int) -> MemoryBudget:
        """What the detector takes of a limit in bytes for the process.

        The activations that are adapted to are kept, at most MAX_KEPT of them, in float32.
        """
        detecting = SETTINGS[self.settings.candidates].bytes_per_pixel
        kept = 0 if self.bank is None else MAX_KEPT * self.bank.values[0].numel() * 4
        return MemoryBudget(limit, RESTING_BYTES, WORKING_BYTES + kept, detecting)

    def _schedule(self, deadline: float | None, progress: Progress | None) -> AdaptationSettings:
        """The schedule of one image's adaptation."""
        schedule = replace(self.settings.schedule, deadline=deadline)
        if progress is None:
            return schedule
        return replace(
            schedule, on_step=lambda done, planned: progress("adaptation", done, planned)
        )

    def _record(self, adapted: Adapted, target: Target) -> AdaptationRecord:
        """What the training of the network did."""
        found = dict(adapted.record)
        if not found.get("diverged"):
            found["drift_by_layer"] = drift_by_layer(self.network, adapted.network)
            if self.settings.diagnostics and self.bank is not None:
                found |= proxy_a_distances(
                    self.network, adapted.network, target.sample, self.bank, target.precision
                )
        return AdaptationRecord(name=self.settings.adaptation.name, **found)

    def _share_changed(self, before: np.ndarray, after: np.ndarray) -> float:
        """Share of the candidates that crossed the threshold."""
        positive = [p >= self.settings.threshold for p in (before, after)]
        return float((positive[0] != positive[1]).mean())
