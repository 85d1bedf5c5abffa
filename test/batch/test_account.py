"""What the terminal says of an image when it is done."""

from __future__ import annotations

import pytest

from batch.account import HEAD, account, cells, doubtful, without_adaptation
from batch.documents import Detection, ProcessedImage, Tissue
from model.adaptation.record import AdaptationRecord
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
    assert cells(processed("a.tif")) == ["0", "0", "-", "1", "ok", "off"]


def test_an_unchanged_count_is_mentioned() -> None:
    assert account(found((0.9, 0.95)))[1].endswith("; without it the count is the same")


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
def test_the_closest_come_first_and_few_of_them(threshold: float) -> None:
    """Also where a threshold or a probability has no finite log odds."""
    values = [1.0, 0.99, 0.9, 0.7, 0.55, 0.44, 0.1, 0.01]
    near = [d.probability for d in doubtful(found(*((p, p) for p in values), threshold=threshold))]
    assert near == {0.0: [], 0.5: [0.55, 0.44, 0.7], 1.0: [1.0]}[threshold]
