"""The adapter takes MIDOG's own files, and reports all problems at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.ground_truth import read_ground_truth
from test.rendering import render_tissue
from test.training.midog_folder import (
    IMAGES,
    SCANNERS,
    UNLABELLED,
    Midog,
    Tissue,
    rendered_midog,
    write_midog,
)
from training import train
from training.midog import MidogError, MidogImage, read_midog
from training.midog_split import report, split_images
from training.tiff import write_tiff


@pytest.fixture(scope="module")
def midog(tmp_path_factory: pytest.TempPathFactory) -> Midog:
    return rendered_midog(tmp_path_factory.mktemp("midog") / "data")


@pytest.fixture
def broken(midog: Midog, tmp_path: Path) -> Callable[[Callable[[dict[str, Any]], None]], Path]:
    """Annotations with something changed."""

    def change(edit: Callable[[dict[str, Any]], None]) -> Path:
        content = json.loads(midog.annotations.read_text())
        edit(content)
        (tmp_path / "changed.json").write_text(json.dumps(content))
        return tmp_path / "changed.json"

    return change


def problems(images: Path, annotations: Path, **options: Any) -> list[str]:
    with pytest.raises(MidogError) as error:
        read_midog(images, annotations, **options)
    return error.value.problems


def test_images_have_scanner_figures_and_pixel_size(midog: Midog) -> None:
    images = read_midog(midog.images, midog.annotations)
    assert [i.slide for i in images[:2]] == ["001", "002"]
    scanners = [name for name in SCANNERS for _ in range(IMAGES)]
    assert [image.scanner for image in images] == [*scanners, UNLABELLED]
    assert [image.labelled for image in images] == [True] * len(scanners) + [False]
    assert all(len(image.figures) == 3 for image in images[:-1])
    np.testing.assert_allclose(images[0].others, [[5, 5]])  # its box sticks out
    assert images[0].size == (260, 240) and images[0].spacing == pytest.approx((2.5e-4, 2.5e-4))


def test_all_problems_of_the_annotations_are_reported_at_once(midog: Midog, broken: Any) -> None:
    def edit(content: dict[str, Any]) -> None:
        images, annotations = content["images"], content["annotations"]
        images[2]["id"] = images[3]["id"]
        annotations[20]["bbox"] = [300, 10, 350, 60]
        annotations[22]["bbox"] = [30, 10, 20, 60]
        annotations[23]["image_id"] = 999

    found = "\n".join(problems(midog.images, broken(edit)))
    for expected in (
        "two images have the id 4",
        "annotation 21 of image 52: bbox [300.0, 10.0, 350.0, 60.0] lies outside its image",
        "annotation 23 of image 52: bbox [30.0, 10.0, 20.0, 60.0] has a negative width or height",
        "annotation 24 of image 999 is for an image that is not in 'images'",
    ):
        assert expected in found


def test_all_problems_of_the_files_are_reported_at_once(midog: Midog, broken: Any) -> None:
    def edit(content: dict[str, Any]) -> None:
        content["images"][0]["file_name"] = "900.tiff"
        content["images"][1]["width"] += 1

    found = "\n".join(problems(midog.images, broken(edit)))
    assert "900.tiff: missing" in found
    assert "002.tiff: (260, 240) pixels, the annotations say (261, 240)" in found


@pytest.mark.parametrize("text", ['{"images": [', "[]", '{"images": []}', '{"images": 1}'])
def test_annotations_cut_off_or_of_another_form(midog: Midog, tmp_path: Path, text: str) -> None:
    (tmp_path / "cut.json").write_text(text)
    found = problems(midog.images, tmp_path / "cut.json")
    assert "expected an object with 'images' and 'annotations'" in found[0]


def test_positions_in_millimetres_are_refused(midog: Midog, tmp_path: Path) -> None:
    (tmp_path / "mm.json").write_text('{"001.tiff": [[0.01, 0.02, 0]]}')
    assert "training needs boxes in px" in problems(midog.images, tmp_path / "mm.json")[0]


def test_files_in_folders_and_boxes_over_the_border(
    midog: Midog, broken: Any, tmp_path: Path
) -> None:
    """The centre of a box may lie outside: the patch is cut round the nearest pixel."""

    def edit(content: dict[str, Any]) -> None:
        content["images"][0] |= {"file_name": "sub\\\\001.tiff"}
        content["images"][1] |= {"file_name": "/elsewhere/002.tiff"}
        content["annotations"][0]["bbox"] = [-40, 230, 10, 280]
        for entry in content["images"][2:]:
            del entry["width"], entry["height"]

    (tmp_path / "sub").mkdir()
    for path in midog.images.iterdir():
        (tmp_path / ("sub" if path.stem == "001" else ".") / path.name).symlink_to(path)
    images = read_midog(tmp_path, broken(edit))
    assert images[0].path == tmp_path / "sub" / "001.tiff"
    assert images[1].path == tmp_path / "002.tiff"
    assert images[2].size == (260, 240)
    np.testing.assert_array_equal(images[0].figures[0], [0, 239])


def test_scoring_and_training_read_the_same(midog: Midog, broken: Any) -> None:
    """Also of a file with swapped ids, COCO's boxes and a byte order mark."""

    def edit(content: dict[str, Any]) -> None:
        content["categories"] = [
            {"id": "0", "name": "Non-mitotic"}, {"id": 1, "name": "mitosis"},
        ]  # fmt: skip
        for entry in content["annotations"]:
            x1, y1, x2, y2 = entry["bbox"]
            entry["bbox"] = [x1, y1, x2 - x1, y2 - y1]
            entry["category_id"] = {1: 1, 2: "0"}[entry["category_id"]]

    path = broken(edit)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    for file in (midog.annotations, path):
        truth = read_ground_truth(file)
        for image in read_midog(midog.images, file):
            scored = truth[image.slide]
            np.testing.assert_allclose(image.figures, scored.figures)
            np.testing.assert_allclose(image.others, scored.hard_negatives)
            assert len(image.figures) == 3 * image.labelled
            assert (image.scanner, image.size) == (scored.domain, scored.size)


def test_bad_data_end_the_training_before_any_work(
    midog: Midog, broken: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = midog._replace(annotations=broken(lambda c: c["images"][0].update(width=9, id="x")))
    status = train.main([*bad.options(tmp_path / "store"), "--output", str(tmp_path / "run")])
    assert status == 2 and not (tmp_path / "store").exists() and not (tmp_path / "run").exists()
    assert capsys.readouterr().err.startswith("error: the data cannot be used:\n")


def test_an_image_without_pixel_size_needs_it_stated(midog: Midog, tmp_path: Path) -> None:
    pixels = np.zeros((240, 260, 3), np.uint8)
    for path in midog.images.iterdir():
        write_tiff(tmp_path / path.name, pixels, 0.25, resolution=None, resolutionunit=None)
    assert len(problems(tmp_path, midog.annotations)) == 3 * IMAGES + 1
    images = read_midog(tmp_path, midog.annotations, mpp=0.24)
    assert images[0].spacing == pytest.approx((2.4e-4, 2.4e-4))


def test_a_table_names_scanners(midog: Midog, broken: Any, tmp_path: Path) -> None:
    """Also in the form of MIDOG++'s own table."""
    table = tmp_path / "scanners.csv"
    table.write_text("Slide;Tumor;Scanner\n1;human breast cancer;3D Histech\n")
    images = read_midog(midog.images, midog.annotations, table)
    assert [i.scanner for i in images[:2]] == ["3d_histech", "hamamatsu_xr_utrecht"]
    (tmp_path / "renamed").mkdir()
    for path in midog.images.iterdir():
        name = "case.tiff" if path.stem == "002" else path.name
        (tmp_path / "renamed" / name).symlink_to(path)
    renamed = broken(lambda c: c["images"][1].update(file_name="case.tiff", domain=None))
    (problem,) = problems(tmp_path / "renamed", renamed)
    assert problem == "case.tiff: its scanner is not known, name it in --scanners"
    table.write_text("id\n1\n")
    assert "a column 'scanner'" in problems(midog.images, midog.annotations, scanners=table)[0]


def test_a_scanner_with_labelled_and_unlabelled_images(tmp_path: Path) -> None:
    """As in MIDOG 2022, whose unlabelled images may be missing."""
    figures, none = np.array([[70.0, 80.0]]), np.zeros((0, 2))
    tissue = [
        Tissue(number, render_tissue((150, 160), 0, seed=number)[0], centres, none)
        for number, centres in ((300, figures), (355, none))
    ]
    midog = write_midog(tmp_path / "data", tissue)
    content = json.loads(midog.annotations.read_text())
    title = "MItosis DOmain Generalization Challenge (MIDOG) 2022 - Training set"
    content["info"]["description"] = title
    for entry in content["images"]:
        del entry["domain"]
        entry |= {"width": 7215, "height": 5412}
    midog.annotations.write_text(json.dumps(content))
    (midog.images / "355.tiff").unlink()
    found = problems(midog.images, midog.annotations)
    assert [line.partition(": ")[2] for line in found] == [
        "(160, 150) pixels, the annotations say (7215, 5412)"
    ], "the unlabelled image is not needed"
    images = images_of_one_scanner(midog, labelled=[True, False])
    text = report(images, images[:1], [])
    assert "hamamatsu_xr_utrecht: 1 images (1 training), 1 mitotic figures, 0 hard" in text
    assert "hamamatsu_xr_utrecht: 1 images, not labelled: not in the folder, left out" in text


def images_of_one_scanner(midog: Midog, labelled: list[bool]) -> list[MidogImage]:
    """Images of one scanner; those that are not labelled are not in the folder."""
    centres = {True: np.array([[70.0, 80.0]]), False: np.zeros((0, 2))}
    return [
        MidogImage(
            midog.images / ("300.tiff" if known else "355.tiff"),
            "hamamatsu_xr_utrecht",
            known,
            centres[known],
            centres[False],
            (160, 150),
            (2.5e-4, 2.5e-4),
        )
        for known in labelled
    ]


def test_the_split_is_by_scanner_and_repeatable(midog: Midog) -> None:
    images = read_midog(midog.images, midog.annotations)
    training, validation = split_images(images, 0.8, [], seed=0)
    assert len(training) == 9 and [i.scanner for i in validation] == sorted(SCANNERS)
    assert not {i.slide for i in training} & {i.slide for i in validation}
    fewer, held = split_images(images, 0.8, ["aperio_cs2_utrecht"], seed=0)
    assert {i.slide for i in fewer} == {i.slide for i in training if i.slide < "100"}
    assert len(held) == 2
    text = report(images, training, validation)
    assert "hamamatsu_xr_utrecht: 4 images (3 training, 1 validation), 12 mitotic figures" in text
    assert "leica_gt450_utrecht: 1 images, not labelled: targets only" in text
    for left_out, share in ((["canon"], 0.8), ([], 0.99)):
        with pytest.raises(MidogError, match=r"the scanners are|cannot be split"):
            split_images(images, share, left_out, seed=0)
