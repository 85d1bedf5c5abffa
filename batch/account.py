"""What the terminal says of a finished image: counts, adaptation, and where to look first."""

from __future__ import annotations

import math

from batch.counts import ODDS_SHIFT
from batch.documents import Detection, HotspotCount, ProcessedImage
from batch.messages import adaptation, adapted_parts
from slide.wording import counted

# Of the closing table.
HEAD = (
    "image", "mitotic figures", "unadapted", "per mm²", "in hotspot", "seconds", "status",
    "adaptation",
)  # fmt: skip
SHOWN = 3  # places to look at first
NEAR = math.log(ODDS_SHIFT)  # in log odds
WHOLE = 0.999  # of an image's area; its sides are rounded
SURE = 1e-6  # probabilities beyond this have no finite log odds


def account(result: ProcessedImage) -> list[str]:
    """Lines on an image: the first one goes beside its name, the others below it."""
    lines = [f"{', '.join(_found(result))}, {result.seconds.get('total', 0):.0f} s"]
    if result.counts is not None:
        lines.append(f"hotspot: {_hotspot(result.counts.hotspot, result)}")
    lines.append(f"adaptation: {_adapted(result)}")
    if places := [_place(detection) for detection in doubtful(result)]:
        lines.append(f"look first near the threshold: {'; '.join(places)}")
    return lines


def cells(result: ProcessedImage) -> list[str]:
    """The cells of an image in the closing table, after its name."""
    tissue = result.tissue
    density = None if tissue is None else tissue.mitotic_figures_per_mm2
    return [
        str(result.mitotic_figures),
        str(without_adaptation(result)),
        "-" if density is None else f"{density:.1f}",
        "-" if result.counts is None else str(result.counts.hotspot.figures.value),
        f"{result.seconds.get('total', 0):.0f}",
        "ok",
        adapted_parts(result.adaptation),
    ]


def without_adaptation(result: ProcessedImage) -> int:
    """How many of the listed detections the shipped network alone calls mitotic figures."""
    listed = result.detections
    return sum(d.probability_without_adaptation >= result.threshold for d in listed)


def doubtful(result: ProcessedImage) -> list[Detection]:
    """The few detections closest to the threshold, on either side of it."""
    threshold = _log_odds(result.threshold)

    def distance(detection: Detection) -> float:
        return abs(_log_odds(detection.probability) - threshold)

    near = [d for d in result.detections if distance(d) <= NEAR]
    return sorted(near, key=distance)[:SHOWN]


def _found(result: ProcessedImage) -> list[str]:
    """Count, density on tissue, and candidates."""
    found = [counted(result.mitotic_figures, "mitotic figure") + _range(result)]
    if result.tissue is not None and result.tissue.mitotic_figures_per_mm2 is not None:
        density, area = result.tissue.mitotic_figures_per_mm2, result.tissue.area_mm2
        found.append(f"{density:.1f} per mm² on {area:.2g} mm² of tissue")
    return [*found, counted(result.candidates, "candidate")]


def _range(result: ProcessedImage) -> str:
    """The count if the scores shifted as between slides; "" where that is the same."""
    if result.counts is None:
        return ""
    figures = result.counts.whole.figures
    if figures.low == figures.high:
        return ""
    return f" ({figures.low} to {figures.high} if scores shift as between slides)"


def _hotspot(spot: HotspotCount, result: ProcessedImage) -> str:
    """Its figures, densities and place; of a small image it is the whole, or all regions."""
    left, top, width, height = spot.box_px
    if width * height > WHOLE * math.prod(result.size_px):
        if result.regions is not None:
            return "all regions" + _area(result.regions.area_mm2)
        return f"the whole image, of {spot.area_mm2:.2g} mm²"
    densities = [
        f", {density.value:.1f} per {unit}"
        for density, unit in (
            (spot.per_mm2, "mm² of tissue"),
            (spot.per_10_hpf, "ten high-power fields"),
        )
        if density is not None
    ]
    place = (
        f" in {spot.area_mm2:.2g} mm² around ({left + width / 2:.0f}, {top + height / 2:.0f}) px"
    )
    return counted(int(spot.figures.value), "figure") + place + "".join(densities)


def _area(area_mm2: float | None) -> str:
    """ ", of 0.28 mm²"; "" where it is not known."""
    return "" if area_mm2 is None else f", of {area_mm2:.2g} mm²"


def _adapted(result: ProcessedImage) -> str:
    """What the adaptation did, and what that changed."""
    did = adaptation(result.adaptation, result.candidates)
    if not result.detections or result.adaptation.name == "none":
        return did
    before = without_adaptation(result)
    count = "the same" if before == result.mitotic_figures else str(before)
    return f"{did}; without it the count is {count}"


def _place(detection: Detection) -> str:
    return f"({detection.x:.0f}, {detection.y:.0f}) px, probability {detection.probability:.2f}"


def _log_odds(probability: float) -> float:
    inside = min(max(probability, SURE), 1 - SURE)
    return math.log(inside / (1 - inside))
