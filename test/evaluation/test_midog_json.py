"""Annotation files as people have them: understood where unambiguous, else one clear error."""

import math
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluation.midog_json import AnnotationError, AnnotationFile, read_annotations
from test.evaluation.annotations import (
    CATEGORIES,
    CENTRES,
    annotation,
    corners,
    document,
    image,
    write,
)

WITHIN = "within 5 µm (20 px): if cells are annotated twice, keep one"


def read(tmp_path: Path, content: Any, encoding: str = "utf-8") -> AnnotationFile:
    return read_annotations(write(tmp_path / "truth.json", content, encoding))


def assert_understood(file: AnnotationFile) -> None:
    """The two mitotic figures and the look-alike of `document`, whatever the file looks like."""
    (found,) = file.images
    np.testing.assert_allclose(found.figures, CENTRES[:2], atol=0.5)
    np.testing.assert_allclose(found.hard_negatives, CENTRES[2:], atol=0.5)
    assert found.stem == "A03_02"


def boxes(form: Any, **more: Any) -> list[dict[str, Any]]:
    """The three annotations with boxes in some form."""
    return [
        annotation(id=number, bbox=form(*centre), category_id=category, **more)
        for number, (centre, category) in enumerate(zip(CENTRES, (1, 1, 2), strict=True))
    ]


def polygons() -> list[dict[str, Any]]:
    """The three annotations with a triangle instead of a box."""
    return [
        {**entry, "bbox": [], "segmentation": [[x - 9, y - 8, x + 9, y - 8, x, y + 8]]}
        for entry, (x, y) in zip(boxes(corners), CENTRES, strict=True)
    ]


def with_ids(image_id: Any, *categories: Any) -> dict[str, Any]:
    """The document with other ids of its image and of its two categories."""
    figure, other = categories
    names = {figure: "mitotic figure", other: "hard negative"}
    return document(
        [
            annotation(image_id=image_id, bbox=corners(*centre), category_id=category)
            for centre, category in zip(CENTRES, (figure, figure, other), strict=True)
        ],
        [image(id=image_id)],
        categories=[{"id": key, "name": name} for key, name in names.items()],
    )


@pytest.mark.parametrize(
    "content",
    [
        document(),
        document(without="categories"),
        document(info={"description": "ours", "year": 2024}, licenses=[{"name": "CC0", "id": 1}]),
        document(boxes(lambda x, y: [x - 25, y - 25, 50, 50])),
        document(boxes(lambda x, y: [x - 20, y - 25, 40, 50], area=2000.0)),
        document(boxes(lambda x, y: [x + 25, y + 25, x - 25, y - 25])),
        document(boxes(lambda x, y: [str(x - 25), str(y - 25), str(x + 25), str(y + 25)])),
        document(boxes(lambda x, y: [x, y, x, y])),
        document(boxes(corners, attributes={"deleted": False, "outside": "no", "shape": 3})),
        document(boxes(corners, attributes="deleted")),
        document(boxes(corners, outside="no", was_cancelled=False)),
        document(categories=[*CATEGORIES, CATEGORIES[0]]),
        document(polygons()),
        document([{**entry, "bbox": [0, 0, 0, 0.0]} for entry in polygons()]),
        with_ids("1", 1, 2),
        with_ids("case-7", "a", "b"),
        with_ids(1, 2, 1),
        with_ids(1, 0, 1),
        with_ids(0, 7, 9),
        document(images=[image(file_name="fields/A03_02.tiff")]),
        document(images=[image(file_name="/home/me/A03_02.TIF")]),
        document(images=[image(file_name="C:\\data\\A03_02.tif")]),
        document(images=[image(id=1.0, width=640.0, height="480")]),
        document(images=[{"id": 1, "file_name": "A03_02.png"}]),
    ],
)
def test_files_that_are_understood(tmp_path: Path, content: dict[str, Any]) -> None:
    assert_understood(read(tmp_path, content))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    assert_understood(read(tmp_path, document(), encoding))


def test_identical_annotations_count_once(tmp_path: Path) -> None:
    entries = document()["annotations"]
    file = read(tmp_path, document([*entries, *({**entry, "id": 99} for entry in entries)]))
    assert_understood(file)
    assert file.notes == ["3 annotations repeat another one and count once"]


@pytest.mark.parametrize("shift", [0.3, 3.0, 7.5])
def test_cells_annotated_twice_count_once(tmp_path: Path, shift: float) -> None:
    """By two annotators, whose files are merged."""
    again = boxes(lambda x, y: corners(x + shift, y))
    assert_understood(file := read(tmp_path, document([*boxes(corners), *again])))
    assert file.notes == ["3 annotations repeat another one and count once"]


def test_neighbours_other_kinds_and_midogs_own_files_count(tmp_path: Path) -> None:
    close = [annotation(bbox=corners(x, 100)) for x in (100, 108.5, 117)]
    file = read(tmp_path, document(close))
    assert len(file.images[0].figures) == 3
    assert file.notes == [f"3 pairs of annotated mitotic figures are {WITHIN}"]
    two_kinds = [annotation(bbox=corners(100 + k, 100), category_id=k) for k in (1, 2)]
    file = read(tmp_path, document(two_kinds))
    assert (len(file.images[0].figures), len(file.images[0].hard_negatives)) == (1, 1)
    assert file.notes == ["mitotic figures that are annotated as another kind of cell as well: 1"]
    twice = [annotation(bbox=corners(100 + shift, 100)) for shift in (0, 3)]
    own = read(tmp_path, document(twice, info={"description": "MIDOG++"}))
    assert len(own.images[0].figures) == 2
    assert own.notes == [f"1 pair of annotated mitotic figures is {WITHIN}"]


@pytest.mark.parametrize(
    ("shift", "mpp", "is_noted"),
    [(9, None, True), (19, 0.25, True), (22, 0.25, False), (22, None, False), (11, 0.5, False)],
)
def test_figures_closer_than_cells_are_noted(
    tmp_path: Path, shift: float, mpp: float | None, is_noted: bool
) -> None:
    """Of any class that counts, but not look-alikes."""
    categories = [{"id": k, "name": n} for k, n in enumerate(("mitosis", "MF", "not mitosis"))]
    kinds = ((100, 0), (100 + shift, 1), (300, 2), (300 + shift, 2))
    cells = [annotation(bbox=corners(x, 100), category_id=kind) for x, kind in kinds]
    file = read(tmp_path, document(cells, [image(mpp=mpp)], categories=categories))
    assert len(file.images[0].figures) == 2
    expected = [f"1 pair of annotated mitotic figures is {WITHIN}"] if is_noted else []
    assert file.notes == ["all of these count as mitotic figures: 'mitosis', 'MF'", *expected]


def test_one_repetition(tmp_path: Path) -> None:
    file = read(tmp_path, document([*boxes(corners), annotation(bbox=corners(101, 121))]))
    assert file.notes == ["1 annotation repeats another one and counts once"]


def test_a_note_says_how_boxes_are_read(tmp_path: Path) -> None:
    file = read(tmp_path, document(boxes(lambda x, y: [x - 25, y - 25, 50, 50])))
    assert file.notes == ["the boxes of the annotations are read as x, y, width, height"]
    assert read(tmp_path, document()).notes == []


def test_boxes_that_stick_out_of_their_image_are_kept(tmp_path: Path) -> None:
    entries = [*document()["annotations"], annotation(bbox=[-20, -30, 30, 20])]
    (found,) = read(tmp_path, document(entries)).images
    assert found.figures[-1].tolist() == [5.0, -5.0]


def test_what_the_file_says_of_an_image(tmp_path: Path) -> None:
    entries = [
        image(slide=3, domain="xt", mpp=0.2456, tissue="T"),
        image(id=2, file_name="B.tiff", mpp=[0.25, 0.5], scanner="Aperio"),
        image(id=3, file_name="C.mha", slide="C7"),
    ]
    masked = [annotation(category_id=3), annotation(image_id=2)]
    a, b, c = read(tmp_path, document(masked, entries, without="categories")).images
    assert (a.size, a.mpp, a.slide, a.domain, a.tissue) == (
        (640, 480), (0.2456, 0.2456), "3", "xt", "T",
    )  # fmt: skip
    assert (b.mpp, b.domain, b.slide, b.tissue) == ((0.25, 0.5), "Aperio", None, None)
    assert (c.mpp, c.domain, c.slide, c.tissue, len(c.figures)) == (None, "all", "C7", "C7", 0)
    assert a.masked.tolist() == [[35.0, 45.5]]
    assert all(entry.labelled for entry in (a, b, c))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "expected an object with 'images' and 'annotations'"),
        ({}, "'images' should be a list of objects"),
        ({"type": "FeatureCollection", "features": []}, "found 'type', 'features'"),
        (document(without="images"), "'images' should be a list of objects"),
        (document(without="annotations"), "'annotations' should be a list of objects"),
        (document(images=[]), "no image in it"),
        (document(images=["a.tif"]), "image number 1 should be an object"),
        (document(images=[{"id": 1}]), "image 1 has no 'file_name'"),
        (document(images=[image(width=0)]), "image 1: bad 'width' 0"),
        (document(images=[image(width=1.5)]), "image 1: bad 'width' 1.5"),
        (document(images=[image(mpp=-0.25)]), "image 1: bad 'mpp' -0.25"),
        (document(images=[image(mpp=[0.25])]), "image 1: bad 'mpp' [0.25]"),
        (document(images=[image(mpp=10**400)]), "image 1: bad 'mpp' 1000"),
        (document(images=[image(height=10**400)]), "image 1: bad 'height' 1000"),
        (document([annotation(image_id="a\nb")]), "annotation number 1 of image a\\nb is for"),
        (document(images=[image(), image()]), "two images have the id 1"),
        (document(images=[image(), image(id="1")]), "two images have the id 1"),
        (
            document(images=[image(), image(id=2, file_name="b/A03_02.tif")]),
            "two images have the file name A03_02.tif",
        ),
        (document([annotation(image_id=9)]), "number 1 of image 9 is for an image that is not in"),
        (document([annotation(id=7, bbox=[1, 2, 3])]), "annotation 7 of image 1: bad 'bbox'"),
        (document([annotation(bbox=[1, 2, 3, math.nan])]), "bad 'bbox' [1, 2, 3, nan]"),
        (document([annotation(bbox="1,2,3,4")]), "bad 'bbox' '1,2,3,4'"),
        (document([annotation(bbox=None)]), "annotation number 1 of image 1 has no 'bbox'"),
        (document([annotation(bbox=None, segmentation=[])]), "has no 'bbox'"),
        (document([annotation(bbox=None, segmentation={"counts": ""})]), "has no 'bbox'"),
        (document([*boxes(corners), annotation(id=9, bbox=[0, 0, 0, 0])]), "9 of image 1 has no"),
        (document([annotation(iscrowd=1)]), "'iscrowd' is set: mark single cells"),
        (document([annotation(deleted=True)]), "'deleted' is set: mark single cells"),
        (document([annotation(was_cancelled=True)]), "'was_cancelled' is set: mark single"),
        (document([annotation(attributes={"outside": True})]), "'outside' is set: mark single"),
        (document([annotation(attributes={"deleted": "true"})]), "'deleted' is set: mark single"),
        (
            document([annotation(id=1), annotation(id=2, category_id=2)]),
            "annotation 2 of image 1 marks the box of annotation 1 of image 1 as another kind",
        ),
        (document([{"image_id": 1, "bbox": [0, 0, 1, 1]}]), "of image 1 has no 'category_id'"),
        (document([annotation(category_id=5)]), "category 5 is used but not listed"),
        (document([annotation(category_id=0)], without="categories"), "category 0 has no name"),
        (
            document(categories=[{"id": 1, "name": "cell"}, {"id": 2, "name": "other"}]),
            "no category is named as mitotic figure (1 'cell', 2 'other')",
        ),
        (
            document(categories=[{"id": 1, "name": "mitosis"}, {"id": 1, "name": "not mitotic"}]),
            "category 1 has two names, 'mitosis' and 'not mitotic'",
        ),
        (
            document([*boxes(corners), annotation(id=9, bbox=corners(5000, 5000))]),
            "annotation 9 of image 1: bbox [4975.0, 4975.0, 5025.0, 5025.0] lies outside its image",
        ),
        (
            document([*boxes(corners), annotation(id=9, bbox=[60, 20, 10, 71])]),
            "annotation 9 of image 1: bbox [60.0, 20.0, 10.0, 71.0] has a negative width or height",
        ),
        (
            document([*boxes(corners), annotation(id=9, bbox=[0, 0, 640, 480])]),
            "bbox [0.0, 0.0, 640.0, 480.0] is too large for a cell (640x480 px)",
        ),
        (
            document([annotation(bbox=[0, 0, 1001, 9])], [{"id": 1, "file_name": "a.tif"}]),
            "annotation number 1 of image 1: bbox [0.0, 0.0, 1001.0, 9.0] is too large for a cell",
        ),
        (
            document(
                [
                    *boxes(lambda x, y: [x - 25, y - 25, 50, 50]),
                    annotation(id=9, bbox=[200, 20, -50, 50]),
                ]
            ),
            "bbox [200.0, 20.0, -50.0, 50.0] has a negative width or height",
        ),
        (
            document([annotation(bbox=[30, 40, 70, 95])], [image(width=4000, height=4000)]),
            "the boxes can be read as x1, y1, x2, y2 and as x, y, width, height",
        ),
    ],
)
def test_files_that_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        read(tmp_path, content)
    assert str(caught.value).startswith(f"{tmp_path / 'truth.json'}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_problem_is_kept_and_the_first_is_shown(tmp_path: Path) -> None:
    content = document([annotation(image_id=9), annotation(image_id=10), annotation()])
    with pytest.raises(AnnotationError, match=r"image 9 is for .* \(1 more problems\)") as caught:
        read(tmp_path, content)
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("text", ["x,y\n1,2\n", "", '{"images": [', "[" * 100_000, "<xml/>"])
def test_files_that_are_not_json(tmp_path: Path, text: str) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(text)
    with pytest.raises(AnnotationError, match="not a readable JSON file"):
        read_annotations(path)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.json"):
        with pytest.raises(AnnotationError, match="not readable"):
            read_annotations(path)


@pytest.mark.skipif("MITOSIS_DATA" not in os.environ, reason="needs MITOSIS_DATA")
def test_the_challenge_file_itself() -> None:
    file = read_annotations(Path(os.environ["MITOSIS_DATA"]) / "MIDOG.json")
    assert len(file.images) == 200 and file.notes == []
    assert file.licences == ["Attribution-NonCommercial-NoDerivs License"]
    figures: Counter[str] = Counter()
    negatives: Counter[str] = Counter()
    for entry in file.images:
        assert entry.labelled == (entry.domain != "leica_gt450_utrecht")
        figures[entry.domain] += len(entry.figures)
        negatives[entry.domain] += len(entry.hard_negatives)
    assert +figures == {
        "hamamatsu_xr_utrecht": 451, "hamamatsu_s360_utrecht": 582, "aperio_cs2_utrecht": 688,
    }  # fmt: skip
    assert +negatives == {
        "hamamatsu_xr_utrecht": 724, "hamamatsu_s360_utrecht": 1066, "aperio_cs2_utrecht": 924,
    }  # fmt: skip


ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.one_of(st.floats(), st.integers(-9, 9999), st.text(max_size=2)), max_size=5),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_change_of_a_value_is_understood_or_refused(
    data: st.DataObject, tmp_path: Path
) -> None:
    """One or two values replaced or removed: never another exception than AnnotationError."""
    content = document(info={"description": "ours"}, licenses=[{"id": 1, "name": "CC0"}])
    for _ in range(data.draw(st.integers(1, 2))):
        part: Any = content
        while isinstance(part, (dict, list)) and part:
            keys = list(part) if isinstance(part, dict) else list(range(len(part)))
            key = data.draw(st.sampled_from(keys))
            below = part[key]
            if not isinstance(below, (dict, list)) or data.draw(st.booleans()):
                if data.draw(st.booleans()):
                    part[key] = data.draw(ODD_VALUES)
                else:
                    del part[key]
                break
            part = below
    try:
        images = read(tmp_path, content).images
    except AnnotationError as error:
        assert "\n" not in str(error) and error.problems
    else:
        assert all(np.isfinite(image.figures).all() for image in images)


def test_notes_on_categories(tmp_path: Path) -> None:
    without = read(tmp_path, document(without="categories"))
    assert without.notes == ["no list of categories: 1 is taken as mitotic figure, 2 as look-alike"]
    kinds = [{"id": 1, "name": "typical mitosis"}, {"id": 2, "name": "atypical mitosis"}]
    both = read(tmp_path, document(categories=kinds))
    assert both.notes == [
        "all of these count as mitotic figures: 'typical mitosis', 'atypical mitosis'"
    ]
    assert read(tmp_path, document(categories=[kinds[0], *CATEGORIES[1:], kinds[0]])).notes == [
        "category 'typical mitosis' is taken for mitotic figures"
    ]
    post = [{"id": 1, "name": "post-mitotic"}, {"id": 2, "name": "other"}]
    assert read(tmp_path, document(categories=post)).notes == [
        "category 'post-mitotic' is taken for mitotic figures"
    ]
    rejected = [{"id": 1, "name": "mitosis", "supercategory": "rejected"}, kinds[1]]
    assert read(tmp_path, document(boxes(corners)[:2], categories=rejected)).notes == [
        "category 'mitosis' (supercategory 'rejected') is taken for mitotic figures"
    ]


def test_a_note_on_fields_that_are_not_read(tmp_path: Path) -> None:
    """Of mitotic figures, not of look-alikes; identical annotations are all looked at."""
    entries = boxes(corners)
    entries[2]["verdict"] = "rejected"
    assert read(tmp_path, document(entries)).notes == []
    entries[1]["verdict"] = "rejected"
    expected = "not read of annotations: 'verdict'; mitotic figures count whatever these say"
    assert read(tmp_path, document(entries)).notes == [expected]


@pytest.mark.parametrize(
    "box",
    [
        lambda x, y: [x / 640, y / 480, 50 / 640, 50 / 480],
        lambda x, y: [(x - 25) / 640, (y - 25) / 480, (x + 25) / 640, (y + 25) / 480],
        lambda x, y: [(x - 25) / 4000, (y - 25) / 4000, (x + 25) / 4000, (y + 25) / 4000],
        lambda x, y: [x / 640, y / 480, x / 640, y / 480],
    ],
    ids=["shares, centre and size", "shares", "mm", "points as shares"],
)
def test_positions_that_are_not_pixels(tmp_path: Path, box: Any) -> None:
    with pytest.raises(AnnotationError, match="smaller than a pixel or in the first one"):
        read(tmp_path, document(boxes(box)))
