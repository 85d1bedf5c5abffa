"""Review in a real headless Chromium: by keys, by clicks, kept, undone and saved."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from batch.documents.review import Review, read_review
from report.write import write
from test.report.browser import (
    LOADED,
    centre,
    close_view,
    open_view,
    progress,
    quiet_page,
    save,
    settle,
    started,
)
from test.report.builders import SIZE, result_of, write_output

CELLS = 100


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as browser:
        yield browser


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """a.tif has a hundred cells, 80 of them mitotic figures; b.tif has six."""
    folder = tmp_path_factory.mktemp("review")
    rng = np.random.default_rng(1)
    places = rng.uniform(5, np.array(SIZE[::-1]) - 5, (CELLS, 2)).round(2)
    probabilities = np.concatenate([np.linspace(0.99, 0.81, 80), np.linspace(0.7, 0.1, 20)])
    detections = [
        {
            "x": x, "y": y, "probability": round(p, 4), "probability_without_adaptation": p / 2,
        }
        for (x, y), p in zip(places.tolist(), probabilities.tolist(), strict=True)
    ]  # fmt: skip
    write_output(folder, [result_of("a.tif", detections=detections), result_of("b.tif")])
    assert write(folder / "out", ["report"]) == []
    return folder / "out"


@pytest.fixture
def page(browser: Browser, output: Path) -> Iterator[Page]:
    with quiet_page(browser, (output / "report.html").as_uri()) as page:
        yield page


def saved_review(page: Page, tmp_path: Path) -> Review:
    return read_review(save(page, tmp_path))


def test_a_hundred_cells_by_keys_alone(page: Page, tmp_path: Path) -> None:
    """From the page to the last verdict without the mouse; each key judges and goes on."""
    page.locator('[data-zoom="1"]').focus()
    page.keyboard.press("Enter")
    page.evaluate(LOADED)
    page.keyboard.press("ArrowRight")
    verdicts = {"y": "mitotic figure", "n": "non-mitotic figure", "u": "unsure"}
    keys = [("y", "n", "u")[number * number % 3] for number in range(CELLS)]
    for key in keys:
        page.keyboard.press(key)
    assert "All cells are reviewed" in page.locator("#zoom-status").inner_text()
    figures = keys.count("y")
    area = SIZE[0] * SIZE[1] * 0.25**2 / 1e6  # mm²
    line = (
        f"100 of 100 reviewed, 0 added. Mitotic figures: {figures} ({figures / area:.1f} per mm²)"
    )
    assert progress(page) == line
    (image,) = saved_review(page, tmp_path).images
    assert page.locator("#zoom-status").inner_text().startswith("Saved as unnamed.review.json")
    assert "--review DOWNLOADS/unnamed.review.json" in page.locator("#zoom-status").inner_text()
    close_view(page)
    assert page.locator('[data-reviewed="1"]').inner_text() == f"Your review: {line}"
    assert page.locator('[data-reviewed="2"]').is_hidden()
    assert [cell.verdict for cell in image.verdicts] == [verdicts[key] for key in keys]
    assert image.cells == CELLS and image.missed == []


def test_a_review_is_kept_and_goes_on(page: Page, tmp_path: Path) -> None:
    open_view(page, 2)
    page.keyboard.press("n")
    page.locator("#comment").fill("pyknotic, I think")
    page.keyboard.press("Enter")
    page.keyboard.press("y")
    before = saved_review(page, tmp_path)
    page.reload()
    assert page.locator("#reviewed").inner_text() == "2 of 106 cells reviewed in this browser"
    open_view(page)
    assert progress(page).startswith("2 of 100 reviewed")
    assert page.locator("#strip li").nth(1).inner_text().endswith("✗")
    assert saved_review(page, tmp_path) == before
    second, third = before.images[0].verdicts
    assert (second.verdict, second.comment) == ("non-mitotic figure", "")
    assert (third.verdict, third.comment) == ("mitotic figure", "pyknotic, I think")


def test_undo_goes_back_to_the_cell(page: Page) -> None:
    open_view(page, 1)
    for key in "yny":
        page.keyboard.press(key)
    page.keyboard.press("z")
    assert page.locator("#current").inner_text() == "3. Probability 0.985: not reviewed"
    page.get_by_role("button", name="Undo").click()
    assert progress(page).startswith("1 of 100 reviewed")
    for _ in range(2):
        page.keyboard.press("z")
    assert page.locator("#zoom-status").inner_text() == "Nothing to undo"
    assert progress(page).startswith("0 of 100 reviewed, 0 added. Mitotic figures: 80 (")


def test_the_selected_crop_is_shown_whole(page: Page) -> None:
    """With its frame of 3 px, wherever the strip scrolls to."""
    open_view(page, 1)
    for key in ["ArrowLeft", *["ArrowRight"] * 8]:  # the last cell, then down to the eighth
        page.keyboard.press(key)
        strip = page.locator("#strip").bounding_box()
        crop = page.locator("#strip [aria-current]").bounding_box()
        assert strip is not None and crop is not None
        assert crop["y"] - 3 >= strip["y"]
        assert crop["y"] + crop["height"] + 3 <= strip["y"] + strip["height"]


def test_added_figures(page: Page, tmp_path: Path) -> None:
    """By a click, and at the centre of the view by keys; not twice on one cell."""
    open_view(page, image=2)
    page.keyboard.press("m")
    x, y = centre(page)
    page.mouse.click(x + 40, y + 40)
    assert progress(page).startswith("0 of 6 reviewed, 1 added. Mitotic figures: 4 (")
    assert "N removes it" in page.locator("#zoom-status").inner_text()
    page.keyboard.press("c")
    page.keyboard.type("not listed")
    page.keyboard.press("Enter")
    page.keyboard.press("m")
    settle(page)
    page.keyboard.press("Enter")  # the view is on the added figure
    assert "listed already" in page.locator("#zoom-status").inner_text()
    page.keyboard.press("0")
    page.keyboard.press("m")
    for key in ("Shift+ArrowDown", "Shift+ArrowDown"):
        page.keyboard.press(key)
    settle(page)
    page.keyboard.press("Enter")
    assert "2 added" in progress(page)
    page.keyboard.press("n")  # an added figure that is none is removed
    assert "1 added" in progress(page)
    (image,) = saved_review(page, tmp_path).images
    (figure,) = image.missed
    assert figure.comment == "not listed" and image.file == "b.tif"
    collection = json.loads(save(page, tmp_path, "geojson").read_text())
    (feature,) = collection["features"]
    assert feature["geometry"]["coordinates"] == [figure.x + 0.5, figure.y + 0.5]
    assert feature["properties"]["classification"]["name"] == "mitotic figure"


def test_reviewers_have_their_own_verdicts(page: Page, tmp_path: Path) -> None:
    """The first name takes over what there is; another name starts from nothing."""
    open_view(page, 1)
    page.keyboard.press("y")
    for name in ("Ann", "Bo"):
        page.locator("#reviewer").fill(name)
        page.locator("#reviewer").press("Enter")
        assert progress(page).startswith(f"{int(name == 'Ann')} of 100")
    page.keyboard.press("n")
    second = saved_review(page, tmp_path)
    page.locator("#reviewer").fill("Ann")
    page.locator("#reviewer").press("Enter")
    first = saved_review(page, tmp_path)
    assert (first.reviewer, second.reviewer) == ("Ann", "Bo")
    assert [r.images[0].verdicts[0].verdict for r in (first, second)] == [
        "mitotic figure",
        "non-mitotic figure",
    ]


def test_tables_hold_no_formulas(page: Page, tmp_path: Path) -> None:
    open_view(page, 1)
    page.keyboard.press("y")
    page.keyboard.press("ArrowLeft")
    page.locator("#comment").fill('=1+1, "so"')
    page.keyboard.press("Enter")
    rows = list(csv.reader(io.StringIO(save(page, tmp_path, "csv").read_text())))
    assert rows[1][0] == "a.tif" and rows[1][3:6] == ["0.99", "mitotic figure", '\'=1+1, "so"']


def test_a_review_goes_on_at_the_first_open_cell(page: Page) -> None:
    open_view(page)
    page.keyboard.press("y")  # without a cell, it goes to one
    assert page.locator("#current").inner_text() == "1. Probability 0.990: not reviewed"
    for key in "yn":
        page.keyboard.press(key)
    close_view(page)
    open_view(page)
    page.keyboard.press("ArrowRight")
    assert page.locator("#current").inner_text() == "3. Probability 0.985: not reviewed"


def test_without_storage_the_reviewer_is_warned(
    browser: Browser, output: Path, tmp_path: Path
) -> None:
    """The review lasts as long as the page, and can be saved."""
    with quiet_page(browser, "about:blank") as page:
        page.add_init_script("Storage.prototype.setItem = () => { throw new Error('full'); }")
        page.goto((output / "report.html").as_uri())
        open_view(page, 1)
        assert page.locator("#not-kept").is_hidden()
        page.keyboard.press("y")
        assert page.locator("#not-kept").is_visible()
        close_view(page)
        open_view(page)
        assert progress(page).startswith("1 of 100 reviewed")
        (image,) = saved_review(page, tmp_path).images
        assert [cell.verdict for cell in image.verdicts] == ["mitotic figure"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_readable_by_all(page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 800})
    open_view(page, 1)
    for key in "ynum":
        page.keyboard.press(key)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.locator("#current").inner_text() == "4. Probability 0.983: not reviewed"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
