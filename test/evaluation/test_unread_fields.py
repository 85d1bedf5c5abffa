from typing import Any

import pytest

from evaluation.midog_schema import Annotation
from evaluation.unread_fields import unread_note
from test.evaluation.annotations import annotation


def figures(*fields: dict[str, Any], images: int = 1) -> list[Annotation]:
    """An annotation of a mitotic figure for each, in turn in these images."""
    return [
        Annotation.model_validate(annotation(image_id=number % images, **each))
        for number, each in enumerate(fields)
    ]


def noted(*fields: dict[str, Any], images: int = 1) -> str:
    (note,) = unread_note(figures(*fields, images=images))
    return note


@pytest.mark.parametrize("fields", [
    {"attributes": {"mitotic": False}}, {"attributes": {"mitotic": "no", "occluded": True}},
    {"mitotic": 0}, {"mitotic": ["unsure"]},
])  # fmt: skip
def test_what_differs_between_figures_is_named(fields: dict[str, Any]) -> None:
    assert noted(fields, {}, fields, {"id": 4}) == (
        "not read of annotations: 'mitotic'; mitotic figures count whatever these say"
    )


def test_fields_and_attributes_are_named_together_in_their_order() -> None:
    rejected = {"status": "rejected", "attributes": {"type": "look-alike", "stage": 1}}
    fields = rejected, {"status": "ok", "attributes": {"type": "mitosis", "stage": 1}}
    assert noted(*fields, *fields).startswith("not read of annotations: 'status', 'type'; ")


def test_scores_are_named_whatever_they_are() -> None:
    assert "'score'" in noted({"score": 0.3}, {"score": 0.3})
    assert "'Confidence'" in noted(*({"attributes": {"Confidence": k / 9}} for k in range(9)))


@pytest.mark.parametrize("fields", [
    [{"kind": "cell", "attributes": {"mitotic": True}}] * 4,
    [{"uuid": f"{k:x}", "width": 50 + k / 2, "attributes": {"x": k}} for k in range(12)],
    [{"iscrowd": 0, "area": 2500 + k % 2, "labels": [1, k % 2]} for k in range(6)],
    [{"attributes": {"occluded": bool(k % 2), "rotation": 90.0 * (k % 2)}} for k in range(6)],
    [{"attributes": {"outside": "no" if k % 2 else "false"}} for k in range(6)],
    [{"attributes": None}, {"attributes": {}}, {}],
    [],
])  # fmt: skip
def test_what_says_nothing_is_not(fields: list[dict[str, Any]]) -> None:
    assert unread_note(figures(*fields)) == []


def test_what_belongs_to_an_image_is_not() -> None:
    scanners = [{"scanner": "xt"}, {"scanner": "cs2"}] * 3
    assert unread_note(figures(*scanners, images=2)) == []
    assert "'scanner'" in noted(*scanners)
