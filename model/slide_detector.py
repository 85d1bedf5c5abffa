"""The detector on a whole slide: the steps of Detector.detect, with the pixels read tile by tile.

One threshold for the candidates, one adaptation and one calibration serve the whole slide.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from model.candidates import SETTINGS, Thresholds
from model.clock import Clock
from model.dense_areas import mark_dense
from model.detections import Detections, select
from model.detector import DEFAULT_CUT, Detector, Progress
from model.scoring import score
from model.slide_candidates import candidates_of_tile, slide_thresholds, typical_squares
from model.slide_target import Memo, Network, SlideTarget, TileCandidates, compute_always
from model.target import MAX_KEPT, sample_size
from slide.appearance import measure_tiles
from slide.level_agreement import level_warning
from slide.regions_of_interest import Regions
from slide.tiles import Tile, near_tissue, tissue_tiles
from slide.tissue import TissueMap
from slide.training_view import TrainingView
from slide.whole_slide import WholeSlide


class SlideDetections(NamedTuple):
    """What was found on a slide, and how it was read.

    Attributes:
        found: points in px of level 0.
        level: of the slide, from which pixels were read.
        tiles: number of tiles with tissue.
        tissue: map of the slide.
        thresholds: of the blue ratio.
    """

    found: Detections
    level: int
    tiles: int
    tissue: TissueMap
    thresholds: Thresholds


def detect_on_slide(
    detector: Detector,
    slide: WholeSlide,
    *,
    regions: Regions | None = None,
    started: float | None = None,
    progress: Progress | None = None,
    memo: Memo = compute_always,
    offset: tuple[int, int] = (0, 0),
) -> SlideDetections:
    """Mitotic figures of a slide: candidates, their scores, and the adaptation to the slide.

    Args:
        detector: weights, bank and settings.
        slide: open for reading.
        regions: of interest, in px of level 0; None for the whole slide.
        started: time.monotonic() at the start of its reading, from which the budget counts.
        progress: called with the stage, the steps done and the steps planned.
        memo: keeps what is finished of a tile, for a run that is interrupted.
        offset: shift of the grid of tiles in px; the detections do not depend on it.

    Raises:
        ImageError: a part of the slide that is needed cannot be decoded.
    """
    clock, view = Clock(detector.settings.time_budget, started), TrainingView(slide)
    with clock.stage("tissue"):
        everywhere = mark_dense(view.tissue())
        tissue = everywhere if regions is None else view.within(everywhere, regions)
        thresholds = _thresholds(detector, view, tissue)
    with clock.stage("candidates"):
        search = Search(detector, view, everywhere, tissue, regions, thresholds)
        found = _candidates(search, memo, offset, progress)
        target = SlideTarget(view, found, _network(detector), memo, progress)
    with clock.stage("classification"):
        before = score(detector.network, target)
    with clock.stage("adaptation"):
        target.stage = "adapted classification"
        after, record = detector.adapt(target, before, clock.deadline(), progress)
    points = view.to_slide(target.centres)
    kept = select(points * slide.mpp, after)
    detections = Detections(
        points=points[kept],
        probabilities=after[kept],
        without_adaptation=before.probabilities[kept],
        candidates=len(target),
        rescaled=view.resampled,
        adaptation=record,
        seconds=clock.seconds,
        appearance=measure_tiles(typical_squares(view, tissue), view.mpp, tissue),
        tissue=tissue,
        warnings=level_warning(view, everywhere),  # the last that is read
    )
    return SlideDetections(detections, view.level, len(found), tissue, thresholds)


def _network(detector: Detector) -> Network:
    schedule, bank = detector.settings.schedule, detector.bank
    cut = DEFAULT_CUT if bank is None else bank.cut
    screen = detector.screen
    room = 0 if bank is None else MAX_KEPT - sample_size(screen)
    return Network(detector.network, cut, schedule.precision, schedule.seed, screen, room)


def _thresholds(detector: Detector, view: TrainingView, tissue: TissueMap) -> Thresholds:
    settings = SETTINGS[detector.settings.candidates]
    return slide_thresholds(view, tissue, settings, detector.settings.threads)


class Search(NamedTuple):
    """What candidates are looked for in, and by what.

    Attributes:
        detector: settings.
        view: of the slide.
        everywhere: tissue of the whole slide, by which a candidate on a region's border is whole.
        tissue: the same, restricted to the regions.
        regions: of interest; None for the whole slide.
        thresholds: of the blue ratio.
    """

    detector: Detector
    view: TrainingView
    everywhere: TissueMap
    tissue: TissueMap
    regions: Regions | None
    thresholds: Thresholds

    def of_tile(self, tile: Tile, near: np.ndarray) -> np.ndarray:
        """(n, 2) float64 x, y in px of the view."""
        settings = self.detector.settings
        chosen, threads = SETTINGS[settings.candidates], settings.threads
        centres = candidates_of_tile(
            self.view, tile, self.everywhere, near, chosen, self.thresholds, threads
        )
        if self.regions is None:
            return centres
        inside: np.ndarray = centres[self.regions.contains(self.view.to_slide(centres))]
        return inside


def _candidates(
    search: Search, memo: Memo, offset: tuple[int, int], progress: Progress | None
) -> list[TileCandidates]:
    """The candidates of each tile with tissue."""
    view, near = search.view, near_tissue(search.tissue)
    tiles = list(tissue_tiles(view.size, view.cell, near, offset))
    found = []
    for done, tile in enumerate(tiles):
        if progress is not None:
            progress("candidates", done, len(tiles))
        compute = partial(search.of_tile, tile, near)
        found.append(TileCandidates(tile, memo(f"candidates/{tile.name}", compute)))
    return found
