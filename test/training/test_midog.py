"""The adapter takes MIDOG's own files, and says all that is wrong at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from test.training.midog_folder import IMAGES, SCANNERS, UNLABELLED, Midog, rendered_midog
from training import train
from training.midog import MidogError, parse_annotations, read_midog, report, split_images
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


def test_all_problems_are_said_at_once(midog: Midog, broken: Any, tmp_path: Path) -> None:
    def edit(content: dict[str, Any]) -> None:
        images, annotations = content["images"], content["annotations"]
        images[0]["file_name"] = "900.tiff"
        images[1]["width"] += 1
        images[2]["id"] = images[3]["id"]
        del images[4]["height"]
        annotations[20]["bbox"] = [300, 10, 350, 60]
        annotations[21]["category_id"] = 7
        annotations[22]["bbox"] = [30, 10, 20, 60]
        annotations[23]["image_id"] = 999

    found = "\n".join(problems(midog.images, broken(edit)))
    for expected in (
        "900.tiff: missing",
        "002.tiff: (260, 240) pixels, the annotations say (261, 240)",
        "two images have the id 4",
        "lacks id, file_name, width or height",
        "annotation 21: bbox [300, 10, 350, 60] is centred outside 052.tiff",
        "annotation 22 has the unknown category 7",
        "annotation 23: bbox [30, 10, 20, 60] is not x1, y1, x2, y2",
        "annotation 24 is for image 999, which is not listed",
    ):
        assert expected in found


@pytest.mark.parametrize("text", ['{"images": [', "[]", '{"images": []}', '{"images": 1}'])
def test_annotations_cut_off_or_of_another_form(midog: Midog, tmp_path: Path, text: str) -> None:
    (tmp_path / "cut.json").write_text(text)
    assert "not a whole file of MIDOG's form" in problems(midog.images, tmp_path / "cut.json")[0]


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
    renamed = broken(lambda c: c["images"][1].update(file_name="case.tiff"))
    (problem,) = problems(tmp_path / "renamed", renamed)
    assert problem == "case.tiff: its scanner is not known, name it in --scanners"
    table.write_text("id\n1\n")
    assert "a column 'scanner'" in problems(midog.images, midog.annotations, scanners=table)[0]


def test_ids_of_midog_plus_plus_name_scanners(tmp_path: Path) -> None:
    """In the file's own form; the images of its unlabelled scanner are not published with it."""
    ids = (1, 51, 101, 151, 201, 299, 300, 349, 350, 404, 405, 489, 490, 504, 505, 553)
    images, annotations = [], []
    for number in ids:
        name = f"{number:03d}.tiff"
        images.append({"license": 1, "file_name": name, "id": number, "width": 40, "height": 30})
        if number == 151:
            continue
        write_tiff(tmp_path / name, np.zeros((30, 40, 3), np.uint8), 0.25)
        annotations.append({
            "bbox": [-5.5, -4.5, 44.5, 45.5], "category_id": 1, "image_id": number,
            "labels": [2, 1, 1], "id": number,
        })  # fmt: skip
    content = {"info": {"description": "MIDOG++"}, "licenses": [{"name": "CC0"}]}
    content |= {"images": images, "annotations": annotations}
    (tmp_path / "MIDOG++.json").write_text(json.dumps(content))
    found = read_midog(tmp_path, tmp_path / "MIDOG++.json")
    assert [image.scanner for image in found] == [
        "hamamatsu_xr_utrecht", "hamamatsu_s360_utrecht", "aperio_cs2_utrecht", UNLABELLED,
        *["pannoramic_scan_ii_vienna"] * 2, *["aperio_cs2_berlin"] * 2,
        *["hamamatsu_xr_utrecht"] * 2, *["pannoramic_scan_ii_new_york"] * 2,
        *["pannoramic_scan_ii_vienna"] * 2, *["hamamatsu_xr_utrecht"] * 2,
    ]  # fmt: skip
    np.testing.assert_allclose(found[0].figures, [[19.5, 20.5]])
    told = report(found, found[:1], [])
    assert f"{UNLABELLED}: 1 images, not labelled: not in the folder, left out" in told
    (tmp_path / "553.tiff").unlink()
    assert problems(tmp_path, tmp_path / "MIDOG++.json") == [f"{tmp_path / '553.tiff'}: missing"]


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


def test_the_real_annotations_have_the_challenge_s_counts(real_data: Path) -> None:
    found: list[str] = []
    entries, boxes = parse_annotations(real_data / "MIDOG.json", found)
    assert not found and len(entries) == 200
    counts = [
        [sum(kind == k for n in range(first, first + 50) for kind, *_ in boxes[n]) for k in (1, 2)]
        for first in (1, 51, 101, 151)
    ]
    assert counts == [[451, 724], [582, 1066], [688, 924], [0, 0]]
