"""What the terminal says of an image when it is done."""

from __future__ import annotations

import numpy as np
import pytest

from batch.account import HEAD, account, cells, doubtful, without_adaptation
from batch.counts import count
from batch.documents import Detection, ProcessedImage, Tissue
from batch.documents.result import RegionsOfInterest
from model.adaptation.record import AdaptationRecord
from slide.tissue import Kind, TissueMap
from test.batch.builders import processed

TISSUE = Tissue(area_mm2=0.5, share=1.0, mitotic_figures_per_mm2=4.0)
ADAPTED = AdaptationRecord(
    name="gradient-reversal", steps=9, planned_steps=9, log_odds_shift=-1.5, share_changed=0.01
)


def found(*probabilities: tuple[float, float], threshold: float = 0.8) -> ProcessedImage:
    """An image with detections of these probabilities, with and without adaptation."""
    detections = [
        Detection(x=10.4 * i, y=20, probability=p, probability_without_adaptation=before)
        for i, (p, before) in enumerate(probabilities)
    ]
    return processed(
        "a.tif", candidates=100, threshold=threshold, detections=detections, tissue=TISSUE,
        adaptation=ADAPTED,
    )  # fmt: skip


def test_count_density_adaptation_and_where_to_look() -> None:
    result = found((0.99, 0.999), (0.82, 0.95), (0.7, 0.9), (0.02, 0.08))
    assert account(result) == [
        "2 mitotic figures, 4.0 per mm² on 0.5 mm² of tissue, 100 candidates, 1 s",
        "adaptation: network adapted in 9 steps and scores calibrated (-1.50 log odds); without it"
        " the count is 3",
        "look first near the threshold: (10, 20) px, probability 0.82; (21, 20) px, "
        "probability 0.70",
    ]
    assert without_adaptation(result) == 3
    row = dict(zip(HEAD[1:], cells(result), strict=True))
    assert (row["mitotic figures"], row["unadapted"], row["per mm²"]) == ("2", "3", "4.0")
    assert row["adaptation"] == "network and scores"


def test_an_image_without_anything() -> None:
    first, second = account(processed("a.tif"))
    assert first == "0 mitotic figures, 0 candidates, 1 s"
    assert second == "adaptation: off"
    assert cells(processed("a.tif")) == ["0", "0", "-", "-", "1", "ok", "off"]


def test_an_unchanged_count_is_mentioned() -> None:
    assert account(found((0.9, 0.95)))[1].endswith("; without it the count is the same")


def test_hotspot_and_range() -> None:
    """Counted by area: of a large image the hotspot has a place, of a small one it is the whole."""
    result = found((0.99, 0.999), (0.82, 0.95), (0.7, 0.9), (0.02, 0.08))
    large = counted(result, (2000, 1000), (2.0, 2.0))
    first, spot, *_ = account(large)
    assert first.startswith("2 mitotic figures (1 to 3 if scores shift as between slides), 4.0 per")
    assert spot.startswith("hotspot: 2 figures in 2 mm² around (") and "per ten high-power" in spot
    row = dict(zip(HEAD[1:], cells(large), strict=True))
    assert row["in hotspot"] == "2"
    small = counted(result, (2000, 1000), (0.5, 0.5))
    assert account(small)[1] == "hotspot: the whole image, of 0.5 mm²"
    for area, expected in ((6.2e-5, "all regions, of 6.2e-05 mm²"), (None, "all regions")):
        regions = RegionsOfInterest(polygons=2, area_mm2=area)
        assert account(small.model_copy(update={"regions": regions}))[1] == f"hotspot: {expected}"


def counted(
    result: ProcessedImage, size: tuple[int, int], mpp: tuple[float, float]
) -> ProcessedImage:
    """The result as of an image of this size, all of it tissue."""
    width, height = size
    kinds = np.full((height // 100, width // 100), Kind.TISSUE, np.uint8)
    tissue = TissueMap(kinds, np.zeros((*kinds.shape, 3), np.uint8), 100, (height, width), mpp[0])
    counts = count(result.detections, result.threshold, size, mpp, tissue)
    return result.model_copy(update={"size_px": size, "pixel_size_um": mpp, "counts": counts})


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
def test_the_closest_come_first_and_few_of_them(threshold: float) -> None:
    """Also where a threshold or a probability has no finite log odds."""
    values = [1.0, 0.99, 0.9, 0.7, 0.55, 0.44, 0.1, 0.01]
    near = [d.probability for d in doubtful(found(*((p, p) for p in values), threshold=threshold))]
    assert near == {0.0: [], 0.5: [0.55, 0.44, 0.7], 1.0: [1.0]}[threshold]
