"""What is said about an image, in plain words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from batch.layout import PAGE_FILE
from model.adaptation.record import AdaptationRecord
from slide.image import Image
from slide.regions_of_interest import Regions
from slide.tissue import Kind, TissueMap
from slide.whole_slide import WholeSlide
from slide.wording import counted

if TYPE_CHECKING:
    from model.detections import Detections
    from slide.appearance import Appearance


# Candidates per mm² of tissue below which a mark may hide the others; 92 fields have 2,900 up, and
# pieces of 125 and 225 µm of them 1,100 up.
FEW_CANDIDATES, MIN_TISSUE_MM2 = 1000.0, 0.01
# Pen or black, as a share of the tissue; 92 fields have none, but those with painted figures 0.006.
MIN_LEFT_OUT = 0.02
MIN_LEFT_OUT_MM2 = 0.0005  # what is shown as 0.001
LEFT_OUT = {
    Kind.BLACK: "are black, as of a border or of bytes that were lost",
    Kind.PEN: "have colours that tissue lacks, as of pen marks, an overlay or damaged pixels",
}
# Of the tissue; 92 fields have 0.025 and less, 318 pieces of 150 µm 0.033. With a pink or lilac
# cast, and two thirds of glass, it is 0.63.
MAX_EVEN_SHARE = 0.1
MAX_MARKED = 100  # px; 92 fields have up to 5, but for those with painted figures
# Of the grey levels; 92 fields and pieces of 500 px have 0.015 and less, as JPEG of quality 30 one
# piece has 0.058. Copies at 1.05 or 0.95 of the brightness, or with a gamma of 0.9 or 1.1, have
# 0.03 and more.
MAX_CHANGED_LEVELS = 0.025
CHECKS_OF_SCORES = {"halves", "shift", "share_called"}  # the latter two in version 0.1.0


def adaptation(record: AdaptationRecord, candidates: int) -> str:
    """What the adaptation did to an image, or why it did nothing."""
    if record.name == "none":
        return "off"
    if candidates == 0:
        return "not adapted (no candidates)"
    did = []
    if record.fallback is None and record.steps:
        did.append(f"network adapted in {_steps(record)}")
    elif record.fallback is None and record.planned_steps:
        did.append("network not adapted (the time budget ran out before the first step)")
    elif record.fallback is not None:
        did.append(f"{what_was_rejected(record)} not adapted ({record.fallback})")
    if record.log_odds_shift:
        did.append(f"scores calibrated ({record.log_odds_shift:+.2f} log odds)")
    return " and ".join(did) or f"not adapted ({_why_nothing(record)})"


def adapted_parts(record: AdaptationRecord) -> str:
    """The same in a word or two: what was adapted."""
    if record.name == "none":
        return "off"
    parts = ["network"] if record.fallback is None and record.steps else []
    return " and ".join([*parts, *(["scores"] if record.log_odds_shift else [])]) or "nothing"


def _steps(record: AdaptationRecord) -> str:
    if record.complete:
        return counted(record.steps, "step")
    return f"{record.steps} of {record.planned_steps} steps, when the time budget ran out"


def _why_nothing(record: AdaptationRecord) -> str:
    """Why neither network nor scores changed, where no check failed; old results may not say."""
    if record.log_odds_shift is not None:
        return "the scores already match the reference"
    if record.planned_steps is not None:
        return "too few candidates for a step"
    return "no reason was recorded"


def what_was_rejected(record: AdaptationRecord) -> str:
    """What the guard left as it was: the network, the scores or both."""
    failed = {check.name in CHECKS_OF_SCORES for check in record.guard if not check.passed}
    return {frozenset({True}): "scores", frozenset({True, False}): "network and scores"}.get(
        frozenset(failed), "network"
    )


def notes(
    image: Image | WholeSlide, found: Detections, regions: Regions | None = None
) -> list[str]:
    """What a reader of the result should know about the image and its regions of interest."""
    noted = [*image.warnings, *found.warnings]
    if regions is not None:
        noted += [*regions.warnings(image.size), *regions.cells_warning(image.mpp)]
    if found.rescaled:
        x, y = image.mpp
        noted.append(f"pixels of {x:.3f} x {y:.3f} µm: resampled to the training resolution")
    if found.tissue is not None:
        noted += colour_notes(found.tissue)
    if found.appearance is not None:
        noted += appearance_notes(found.appearance)
    if found.candidates == 0:
        noted.append("no candidates found: is this H&E tissue?")
    elif few_candidates(found):
        noted.append(
            f"only {counted(found.candidates, 'candidate')} in {found.tissue_mm2:.3f} mm² of "
            "tissue: marks drawn on the pixels, or unusual colours, may hide the others"
        )
    return noted


def colour_notes(tissue: TissueMap) -> list[str]:
    """Areas whose colours are not those of most tissue."""
    noted = []
    if dense := tissue.cells_mm2(Kind.DENSE):
        noted.append(
            f"{dense:.3f} mm² of tissue are as dark and blue as nuclei, but longer: if that is "
            "ink, ignore detections there"
        )
    least = max(MIN_LEFT_OUT * tissue.area_mm2, MIN_LEFT_OUT_MM2)
    for kind, what in LEFT_OUT.items():
        area = tissue.whole_mm2(kind)
        if area > least:
            noted.append(f"{area:.3f} mm² {what}: left out of tissue and counts")
    return noted


def appearance_notes(appearance: Appearance) -> list[str]:
    """What was done to the colours or drawn on the pixels."""
    noted = []
    if appearance.even_share > MAX_EVEN_SHARE and appearance.area_mm2 >= MIN_TISSUE_MM2:
        noted.append(
            f"{appearance.even_share:.0%} of the tissue is as even as glass, but coloured: if that "
            "is glass with a colour cast, areas, densities and the number of figures are wrong"
        )
    if appearance.marked > MAX_MARKED:
        noted.append(
            f"{appearance.marked} px of the tissue have colours of drawn lines or points: "
            "figures beside them may be missed"
        )
    if appearance.changed_levels > MAX_CHANGED_LEVELS:
        noted.append(
            "grey levels are missing or doubled: brightness, contrast or gamma was changed after "
            "the scan, or the compression is strong, and the number of figures may change with it"
        )
    return noted


def few_candidates(found: Detections) -> bool:
    """Whether there are far fewer candidates than tissue has."""
    area = found.tissue_mm2
    return area >= MIN_TISSUE_MM2 and found.candidates < FEW_CANDIDATES * area


def adaptation_notes(record: AdaptationRecord) -> list[str]:
    """Where the adaptation did less than was asked for."""
    if record.fallback:
        return [f"{what_was_rejected(record)} not adapted: {record.fallback}"]
    if not record.complete:
        return [
            f"the time budget stopped the adaptation after {record.steps} of "
            f"{record.planned_steps} steps: --max-steps {record.steps} reproduces it"
        ]
    return []


def where_to_look(output: Path, has_page: bool, failures: int = 0) -> str:
    """Where the results are. In a container, run.sh states the name of the user's own folder.

    failures: number of errors that the run has reported.
    """
    outside = os.environ.get("MITOSIS_OUTPUT")
    place = outside or output
    incomplete = f"incomplete, with {counted(failures, 'error')}: " if failures else ""
    if has_page:
        return f"{incomplete}open {Path(place) / PAGE_FILE} in a browser"
    page = "add --report" if outside else f"run python -m report {output}"
    return f"{incomplete}the results are in {place}; {page} for an HTML page"
