"""Fields and attributes of annotations that are not read, although they may say what counts."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.midog_schema import UNUSABLE, Annotation

# Scores mean predictions, or proposals that nobody accepted, even if all are the same.
SCORES = {"score", "confidence", "probability"}
# What does not decide whether a cell counts: fields of COCO and CVAT, and the votes in
# MIDOG++.json (`labels`). Those of the last line are read as attributes too.
HARMLESS = {
    "num_keypoints", "keypoints", "caption", "occluded", "rotation", "track_id", "keyframe",
    "z_order", "group", "group_id", "label_id", "labels",
    *UNUSABLE,
}  # fmt: skip


def unread_note(figures: Sequence[Annotation]) -> list[str]:
    """A line that names what is not read of annotations of mitotic figures, if it may matter.

    Scores may, and what differs between figures of one image, such as `{"mitotic": false}` in the
    attributes of some. Identifiers and measurements do not: they have more values than half of the
    figures.
    """
    fields = [_unread(figure) for figure in figures]
    images = [figure.image_id for figure in figures]
    names = [
        name
        for name in dict.fromkeys(name for each in fields for name in each)
        if name.lower() in SCORES or _differ([repr(each.get(name)) for each in fields], images)
    ]
    if not names:
        return []
    return [
        f"not read of annotations: {', '.join(map(repr, names))}; mitotic figures count whatever "
        "these say"
    ]


def _unread(annotation: Annotation) -> dict[str, object]:
    """Fields that the schema does not have, and attributes."""
    attributes = annotation.attributes
    attributes = attributes if isinstance(attributes, dict) else {"attributes": attributes}
    fields = (annotation.model_extra or {}) | attributes
    return {name: value for name, value in fields.items() if name not in HARMLESS}


def _differ(values: Sequence[str], images: Sequence[str]) -> bool:
    """Whether values differ in an image, and are not so many as to be identifiers."""
    kinds = len(set(values))
    in_images = len(set(zip(images, values, strict=True)))
    return in_images > len(set(images)) and kinds <= max(2, len(values) // 2)
