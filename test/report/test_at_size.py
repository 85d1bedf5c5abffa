"""A hundred images of the challenge's size on one page, and what overlays cost of a run (slow).

Real tissue where MITOSIS_DATA is set, and rendered tissue always: a field is detected in with the
shipped weights, and pixels and detections are repeated up to the size of the challenge's images.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

import process
from batch.documents import FolderResults
from batch.documents import entry as summary_entry
from batch.layout import PAGE_FILE, RESULT_FILE, SUMMARY_FILE
from batch.writing import write_json
from model.hashes import file_sha256
from report.page import entry, render
from report.regions import ArrayReader
from report.saved import Saved
from report.write import write
from test.rendering import render_tissue
from test.report.builders import parsed
from tools.opening import describe, opening
from tools.screenshot import find_browser, launch
from training.icpr_2012 import FIELD_MPP, PARIS, field_images
from training.tiff import write_tiff

pytestmark = pytest.mark.slow

SIZE = (5412, 7215)  # px (height, width): Hamamatsu XR in MIDOG 2021, the largest there
SHAPE = {"tile": 510, "overlap": 1, "levels": 13, "there": None, "coarse": 12}  # of the tiles
FIELD = 2084  # px, the side of the fields that are repeated
IMAGES = 100


class Processed(NamedTuple):
    """A field's pixels, its output folder and its result, and the processor time of it."""

    pixels: np.ndarray
    mpp: float
    output: Path
    result: dict[str, Any]
    seconds: float


def processed(pixels: np.ndarray, mpp: float, folder: Path) -> Processed:
    """Detected in with the shipped weights."""
    (folder / "in").mkdir(parents=True)
    write_tiff(folder / "in" / "image.tif", pixels, mpp)
    started = time.process_time()
    assert process.main(["--input", str(folder / "in"), "--output", str(folder / "out")]) == 0
    result = json.loads((folder / "out" / RESULT_FILE).read_text())
    seconds = time.process_time() - started
    return Processed(pixels, mpp, folder / "out", result, seconds)


@pytest.fixture(scope="module", params=["rendered", "fields"])
def field(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Processed:
    folder = tmp_path_factory.mktemp("field")
    if request.param == "rendered":
        return processed(render_tissue((FIELD, FIELD), figures=30, seed=7)[0], 0.25, folder)
    if "MITOSIS_DATA" not in os.environ:
        pytest.skip("MITOSIS_DATA is not set")
    first, *_ = field_images(Path(os.environ["MITOSIS_DATA"]), "fields_a", {"A00"})
    return processed(first.pixels, FIELD_MPP[PARIS], folder)


def at_size(pixels: np.ndarray) -> np.ndarray:
    """Repeated to the right and down."""
    add = [(0, side - has) for side, has in zip(SIZE, pixels.shape, strict=False)]
    return np.pad(pixels, [*add, (0, 0)], mode="wrap")


def repeated(detections: list[dict[str, float]]) -> list[dict[str, float]]:
    """The detections of the repeated field, the most probable first."""
    everywhere = [
        found | {"x": found["x"] + left, "y": found["y"] + top}
        for top in range(0, SIZE[0], FIELD)
        for left in range(0, SIZE[1], FIELD)
        for found in detections
    ]
    inside = [d for d in everywhere if d["x"] < SIZE[1] and d["y"] < SIZE[0]]
    return sorted(inside, key=lambda d: -d["probability"])


def result_at_size(field: Processed, file: str) -> dict[str, Any]:
    size, found = [SIZE[1], SIZE[0]], repeated(field.result["detections"])
    return field.result | {"file": file, "size_px": size, "detections": found}


def hundred(field: Processed) -> bytes:
    """The page of a hundred images: four different pieces of the tissue, each 25 times."""
    pixels = at_size(field.pixels)
    entries = []
    for number in range(4):
        rolled = np.roll(pixels, 500 * number, axis=(0, 1))
        result = result_at_size(field, f"{number}.tiff")
        saved = Saved(Path("nowhere"), parsed(result))
        entries.append(
            entry(saved, ArrayReader(rolled), IMAGES, {"folder": "report_files/0", **SHAPE})
        )
    return render(entries * (IMAGES // len(entries)), [])


def test_page_of_a_hundred_images(field: Processed, tmp_path: Path) -> None:
    page = tmp_path / PAGE_FILE
    page.write_bytes(hundred(field))
    size = page.stat().st_size / 2**20
    print(f"\n{IMAGES} images: page of {size:.1f} MiB")
    assert 10 < size < 50, "MiB"
    if find_browser() is None:
        pytest.skip("NO CHROMIUM: the page was not opened")
    with sync_playwright() as playwright:
        browser = launch(playwright)
        found = opening(browser, page)
        browser.close()
    print(describe(found))
    assert found.undisturbed < 2, "seconds"


def test_page_of_saved_results_at_that_size(field: Processed, tmp_path: Path) -> None:
    """From the files that process.py leaves."""
    image, place = tmp_path / "a.tiff", tmp_path / "out" / "a"
    write_tiff(image, at_size(field.pixels), field.mpp)
    made_from = {"path": "../../a.tiff", "bytes": 1, "sha256": file_sha256(image)}
    result = result_at_size(field, "a.tiff") | {"image": made_from}
    write_json(place / RESULT_FILE, result)
    summary = FolderResults(images=[summary_entry(parsed(result), "a")])
    write_json(tmp_path / "out" / SUMMARY_FILE, summary.content())
    assert write(tmp_path / "out") == []
    files = [*(tmp_path / "out").glob("*.*"), *place.glob("*.*")]
    sizes = {path.name: path.stat().st_size / 2**20 for path in files}
    print("\n" + ", ".join(f"{name} {size:.1f} MiB" for name, size in sizes.items()))
    assert sizes[PAGE_FILE] < 2


def overlay_share(of: Processed) -> float:
    """Processor time to read the image again and write its overlays, over that of the detection.

    Elapsed time would tell of whatever else the machine does between the two.
    """
    seconds, elapsed = [], []
    for _ in range(3):
        started, clock = time.process_time(), time.monotonic()
        assert write(of.output, ["overlay"]) == []
        seconds.append(time.process_time() - started)
        elapsed.append(time.monotonic() - clock)
    total = of.result["seconds"]["total"]
    print(
        f"\noverlays {min(seconds):.2f} s of the processor, {min(elapsed):.2f} s elapsed; "
        f"detection {of.seconds:.1f} and {total:.1f} s: "
        f"{min(seconds) / of.seconds:.1%} and {min(elapsed) / total:.1%}"
    )
    return min(seconds) / of.seconds


def test_overlays_of_a_field(field: Processed) -> None:
    assert overlay_share(field) < 0.1


def test_overlays_of_the_largest_image(field: Processed, tmp_path: Path) -> None:
    assert overlay_share(processed(at_size(field.pixels), field.mpp, tmp_path)) < 0.1
