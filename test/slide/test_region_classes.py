from typing import Any

import pytest

from slide.region_classes import class_of, classes_note, is_left_out


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"classification": {"name": "Tumor"}, "label": "Ink"}, "Tumor"),
        ({"classification": {"names": ["Immune", "CD3"]}}, "Immune: CD3"),
        ({"classification": None, "class": "Ink", "label": "a"}, "Ink"),
        ({"label": "ROI 12"}, "ROI"),
        ({"label": 7}, ""),
        ({"name": "left one"}, ""),
        ({"name": "Necrosis"}, "Necrosis"),
        ({"name": "to exclude"}, "to exclude"),
        ({"name": "Tumor 3"}, ""),
        (None, ""),
    ],
)
def test_the_class_of_a_feature(properties: Any, expected: str) -> None:
    assert class_of({"type": "Feature", "properties": properties}) == expected


@pytest.mark.parametrize(
    "name",
    ["Tumor", "Tumour", "Stroma", "Region*", "Region 1", "ROI", "Positive", "Other",
     "Annotation", "Hotspot", "hot spot", "no class", "Immune cells", "Invasive carcinoma", "HPF",
     "Area 2"],
)  # fmt: skip
def test_a_class_to_be_analysed_is_not_noted(name: str) -> None:
    assert classes_note((name,)) == ""


@pytest.mark.parametrize(
    "name",
    [
        "Vessel",
        "Tinte",
        "Marker",
        "Muscle",
        "Heroic",
        "Non_tumor",
        "no tissue",
        "Don't count",
        "Area to skip",
        "not a region",
        "Tissue fold",
        "Out of tissue",
        "Tumor-negative region",
        "Tumor-free",
        "Anti-ROI",
        "Tumor necrosis",
    ],
)
def test_a_single_class_of_unknown_meaning_is_noted(name: str) -> None:
    assert classes_note((name,)) == (
        f"the regions have the class {name}: areas to leave out must be holes"
    )


def test_several_classes_and_none() -> None:
    assert classes_note(("Ink spot", "Tumor")).startswith("regions of different classes (Ink spot,")
    assert classes_note(()) == ""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Excluded_area", True), ("exclusion zones", True), ("Ausgeschlossen", True),
        ("nécrose", True), ("Artefakte 2", True), ("Out-of-focus", True), ("Tumor: Fat", True),
        ("Necrotic tumor", False), ("Fatty tumor", False), ("Tumor", False),
    ],
)  # fmt: skip
def test_areas_to_leave_out_in_other_words(name: str, expected: bool) -> None:
    assert is_left_out(name) == expected
