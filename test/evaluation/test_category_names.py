import pytest

from evaluation.category_names import CellClass, category_classes, figures_note

FIGURE, LOOK_ALIKE, MASKED = CellClass


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((name, FIGURE) for name in (
            "mitotic figure", "Mitotic Figures", "mitosis", "Mitoses", "MITOTIC_FIGURE",
            "MitoticFigure", "mitotic-figure", "atypical mitotic figure", "normal mitosis", "MF",
            "AMF", "metaphase",
        )),
        *((name, LOOK_ALIKE) for name in (
            "not mitotic figure", "non-mitotic figure", "non-mitotic", "nonmitotic",
            "NonMitoticFigure", "hard negative", "hard_negative_lookalike", "hard-negative",
            "imposter", "impostor", "look-alike", "mitotic figure look-alike", "mitosis-like",
            "rejected mitotic figure", "keine Mitose", "amitotic", "pas de mitose",
            "mitotic mimic", "pseudo-mitosis", "NMF", "Apoptosis", "no mitosis", "lymphocyte",
            "Ignore*", "ignored non-mitotic figure",
        )),
        ("painted mitotic figure", MASKED),
    ],
)  # fmt: skip
def test_a_class_follows_from_the_name(name: str, expected: CellClass) -> None:
    names = {"7": name, "8": "mitotic figure"}
    assert category_classes(names, ["7"]) == {"7": expected}


def test_without_names_midog_s_ids_hold() -> None:
    assert category_classes(None, ["2", "1", "1", "3"]) == {
        "1": FIGURE,
        "2": LOOK_ALIKE,
        "3": MASKED,
    }
    assert category_classes({}, []) == {}
    with pytest.raises(ValueError, match="category 0 has no name"):
        category_classes({}, ["0", "1"])


def test_the_names_of_figures_must_be_known() -> None:
    with pytest.raises(ValueError, match=r"no category is named as mitotic figure \(1 'nucleus'\)"):
        category_classes({"1": "nucleus"}, ["1"])
    with pytest.raises(ValueError, match="category 2 is used but not listed"):
        category_classes({"1": "mitosis"}, ["2"])
    with pytest.raises(ValueError, match="'possible mitosis': mitotic figure or not"):
        category_classes({"1": "mitosis", "2": "possible mitosis"}, ["1", "2"])
    for name in ("mitosis candidate", "mitotic figure?", "disputed mitosis",
                 "ignore: mitotic figure", "excluded mitosis", "Mitosis (deleted)",
                 "mitosis hotspot", "mitotic region", "mitotic figure FP",
                 "mitotic figure old"):  # fmt: skip
        with pytest.raises(ValueError, match="mitotic figure or not"):
            category_classes({"1": "mitosis", "2": name}, ["1", "2"])
    unused = category_classes({"1": "mitosis", "2": "possible mitosis"}, ["1"])
    assert unused == {"1": FIGURE}


@pytest.mark.parametrize(
    "name",
    [
        "mitotic figure", "Mitotic Figures", "mitosis", "Mitoses", "MITOTIC_FIGURE", "mitotic",
        "MitoticFigure", "mitotic-figure", "mitotic cells", "MF", " Mitosis ", "Mitosefigur",
        "cellule mitotique", "figure de mitose", "figura mitotica",
    ],
)  # fmt: skip
def test_plain_names_of_figures_need_no_note(name: str) -> None:
    assert figures_note([(name, "")]) == figures_note([(name, "cell")]) == []


@pytest.mark.parametrize(
    "name",
    [
        "MF-", "faux mitose", "ikke mitose", "mitosis 0", "mitosis removed", "mitosis wrong",
        "mitosis bad", "resembles mitosis", "post-mitotic", "metaphase", "mitosis (AI)",
    ],
)  # fmt: skip
def test_other_names_of_figures_are_noted(name: str) -> None:
    assert figures_note([(name, "")]) == [f"category {name!r} is taken for mitotic figures"]
    assert figures_note([(name, ""), ("mitosis", "rejected")]) == [
        f"all of these count as mitotic figures: {name!r}, 'mitosis' (supercategory 'rejected')"
    ]


def test_a_supercategory_that_contradicts_the_name_is_noted() -> None:
    for above in ("rejected", "not mitotic", "unsure", "ignore"):
        assert figures_note([("mitosis", above)]) == [
            f"category 'mitosis' (supercategory {above!r}) is taken for mitotic figures"
        ]
    assert figures_note([("mitosis", "none")]) == figures_note([]) == []
