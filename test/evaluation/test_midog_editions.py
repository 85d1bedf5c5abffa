"""Scanners by id: only of MIDOG's own files, and only where the image has that scanner's size."""

from pathlib import Path
from typing import Any

import pytest

from evaluation.annotated_image import AnnotatedImage
from evaluation.midog_editions import MIDOG_2021, MIDOG_2022, MIDOG_PLUS_PLUS
from evaluation.midog_json import read_annotations
from test.evaluation.annotations import write

TITLE = "MItosis DOmain Generalization Challenge (MIDOG) {} - Training set"
PLUS_PLUS = "MIDOG++: A Comprehensive Multi-Domain Data Set for Mitotic Figures"
XR, S360, CS2, GT450 = (7215, 5412), (7110, 5379), (6500, 4856), (6218, 4620)
PANNORAMIC, BERLIN = (6577, 4933), (6447, 4835)


def read(
    tmp_path: Path, description: str | None, sizes: dict[int, tuple[int, int]], **more: Any
) -> dict[int, AnnotatedImage]:
    """Images by id of a file with this description."""
    images = [
        {"id": number, "file_name": f"{number:03d}.tiff", "width": width, "height": height, **more}
        for number, (width, height) in sizes.items()
    ]
    content = {"info": {"description": description}, "images": images, "annotations": []}
    found = read_annotations(write(tmp_path / "MIDOG.json", content)).images
    return dict(zip(sizes, found, strict=True))


def test_midog_2021(tmp_path: Path) -> None:
    sizes = {1: XR, 50: XR, 51: S360, 100: S360, 101: CS2, 150: CS2, 151: GT450, 200: GT450}
    images = read(tmp_path, TITLE.format(2021), sizes)
    assert [images[n].domain for n in (1, 51, 101, 151)] == [
        "hamamatsu_xr_utrecht", "hamamatsu_s360_utrecht", "aperio_cs2_utrecht",
        "leica_gt450_utrecht",
    ]  # fmt: skip
    assert [images[n].mpp for n in (50, 100, 150)] == [(0.23, 0.23), (0.23, 0.23), (0.25, 0.25)]
    assert [number for number, image in images.items() if not image.labelled] == [151, 200]
    assert (images[1].slide, images[1].tissue) == ("001", "001")


def test_midog_2022_numbers_its_images_otherwise(tmp_path: Path) -> None:
    sizes = {150: CS2, 151: PANNORAMIC, 249: PANNORAMIC, 250: BERLIN, 300: XR, 354: XR, 355: XR}
    images = read(tmp_path, TITLE.format(2022), sizes)
    assert [image.domain for image in images.values()] == [
        "aperio_cs2_utrecht", *["pannoramic_scan_ii_vienna"] * 2, "aperio_cs2_berlin",
        *["hamamatsu_xr_utrecht"] * 3,
    ]  # fmt: skip
    assert [number for number, image in images.items() if not image.labelled] == [355]
    assert images[151].mpp is None, "the images say it themselves"


@pytest.mark.parametrize("title", [PLUS_PLUS, "A Large Multi-Domain Data Set for Mitotic Figures"])
def test_midog_plus_plus(tmp_path: Path, title: str) -> None:
    sizes = {
        151: GT450, 201: PANNORAMIC, 299: PANNORAMIC, 300: BERLIN, 349: BERLIN, 350: XR, 404: XR,
        405: PANNORAMIC, 489: PANNORAMIC, 490: PANNORAMIC, 504: PANNORAMIC, 505: XR, 553: XR,
    }  # fmt: skip
    images = read(tmp_path, title, sizes)
    assert [image.domain for image in images.values()] == [
        "leica_gt450_utrecht", *["pannoramic_scan_ii_vienna"] * 2, *["aperio_cs2_berlin"] * 2,
        *["hamamatsu_xr_utrecht"] * 2, *["pannoramic_scan_ii_new_york"] * 2,
        *["pannoramic_scan_ii_vienna"] * 2, *["hamamatsu_xr_utrecht"] * 2,
    ]  # fmt: skip
    assert [number for number, image in images.items() if not image.labelled] == [151]


@pytest.mark.parametrize("description", [None, "MIDOG", "Our MIDOG-like fields", "MIDOG 2021 copy"])
def test_a_user_s_own_001_tif_is_not_midog_s(tmp_path: Path, description: str | None) -> None:
    image = read(tmp_path, description, {1: XR})[1]
    assert (image.domain, image.mpp, image.slide, image.labelled) == ("all", None, None, True)


def test_the_size_must_agree(tmp_path: Path) -> None:
    images = read(tmp_path, TITLE.format(2021), {1: (640, 480), 2: XR, 151: (640, 480), 60: XR})
    assert [image.domain for image in images.values()] == [
        "all",
        "hamamatsu_xr_utrecht",
        "all",
        "all",
    ]
    assert [image.mpp for image in images.values()] == [None, (0.23, 0.23), None, None]
    assert images[151].labelled


def test_what_an_image_says_comes_first(tmp_path: Path) -> None:
    image = read(tmp_path, TITLE.format(2021), {1: XR}, domain="mine", mpp=0.3, slide="S")[1]
    assert (image.domain, image.mpp, image.slide) == ("mine", (0.3, 0.3), "S")


def test_another_name_is_another_image(tmp_path: Path) -> None:
    image = read(tmp_path, TITLE.format(2021), {1: XR}, file_name="002.tiff")[1]
    assert image.domain == "all"


def test_the_blocks_of_an_edition_follow_each_other() -> None:
    for edition, last in ((MIDOG_2021, 200), (MIDOG_2022, 405), (MIDOG_PLUS_PLUS, 553)):
        firsts = [1, *(block.last + 1 for block in edition)]
        assert [block.first for block in edition] == firsts[:-1] and firsts[-1] == last + 1
