"""A saved review is loaded into another browser, which has not kept it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from batch.documents.review import read_review
from report.saved import load_output
from report.write import write
from test.report.browser import close_view, open_view, progress, quiet_page, save, started
from test.report.builders import result_of, write_output
from test.report.reviews.builders import image_of, write_review


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as browser:
        yield browser


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of one picture, a.tif with six detections, and b.tif of another run with five."""
    folder = tmp_path_factory.mktemp("load")
    fewer = result_of("b.tif")["detections"][:5]
    write_output(folder, [result_of("a.tif"), result_of("b.tif", detections=fewer)])
    assert write(folder / "out", ["report"]) == []
    return folder / "out"


@pytest.fixture(scope="module")
def of_ann(output: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both images, one of them completely."""
    a, b = load_output(output)
    first = image_of(a, "yynnuy", missed=((100.5, 90.0),), comment="thick section")
    first["verdicts"][2]["comment"] = "pyknotic"
    path = tmp_path_factory.mktemp("ann") / "Ann.review.json"
    return write_review(path, "Ann", first, image_of(b, "-n"))


@pytest.fixture
def page(browser: Browser, output: Path) -> Iterator[Page]:
    with quiet_page(browser, (output / "report.html").as_uri()) as page:
        yield page


def choose(page: Page, file: Path, within: str = "main") -> None:
    """Press Load review and choose a file."""
    with page.expect_file_chooser() as chooser:
        page.locator(within).get_by_role("button", name="Load review").click()
    chooser.value.set_files(file)
    page.locator("#load").wait_for()


def accept(page: Page) -> None:
    page.get_by_role("button", name="Load", exact=True).click()


def test_it_goes_on_elsewhere_and_is_saved_unchanged(
    page: Page, of_ann: Path, tmp_path: Path
) -> None:
    choose(page, of_ann)
    text = page.locator("#load").inner_text()
    assert "Ann: 7 cells judged, 1 figure added in 2 images." in text and "replaces" not in text
    accept(page)
    assert page.locator("#page-status").inner_text() == (
        "Loaded from Ann: 7 cells judged, 1 figure added"
    )
    assert page.locator("#reviewed").inner_text() == "7 of 11 cells reviewed in this browser by Ann"
    page.reload()
    open_view(page)
    assert progress(page).startswith("6 of 6 reviewed, 1 added. Mitotic figures: 4 (")
    assert page.locator("#strip li").nth(4).inner_text().endswith("?")
    assert read_review(save(page, tmp_path)) == read_review(of_ann)


def test_undo_in_the_view_brings_back_what_was_replaced(page: Page, of_ann: Path) -> None:
    open_view(page, 1)
    page.locator("#reviewer").fill("Ann")
    page.locator("#reviewer").press("Enter")
    for key in "nn":
        page.keyboard.press(key)
    choose(page, of_ann, "#panel")
    assert "replaces what this browser keeps by this reviewer: 2 cells" in (
        page.locator("#load").inner_text()
    )
    accept(page)
    assert progress(page).startswith("6 of 6 reviewed, 1 added")
    page.keyboard.press("n")  # on the third cell
    page.keyboard.press("z")
    assert progress(page).startswith("6 of 6 reviewed, 1 added")
    page.keyboard.press("z")
    assert progress(page).startswith("2 of 6 reviewed, 0 added")
    page.keyboard.press("z")
    assert progress(page).startswith("1 of 6 reviewed, 0 added")
    close_view(page)
    assert page.locator("#reviewed").inner_text() == "1 of 11 cells reviewed in this browser by Ann"


def test_undo_on_the_page_and_in_the_view_opened_next(page: Page, of_ann: Path) -> None:
    for _ in range(2):
        choose(page, of_ann)
        accept(page)
        page.get_by_role("button", name="Undo loading").click()
        assert page.locator("#reviewed").inner_text() == "0 of 11 cells reviewed in this browser"
    choose(page, of_ann)
    accept(page)
    open_view(page, 1, image=2)
    for key in "yzz":
        page.keyboard.press(key)
    assert progress(page).startswith("0 of 5 reviewed")
    close_view(page)
    assert page.get_by_role("button", name="Undo loading").is_hidden()
    assert page.locator("#reviewed").inner_text() == "0 of 11 cells reviewed in this browser"


def test_cancel_changes_nothing(page: Page, of_ann: Path) -> None:
    open_view(page, 1)
    page.keyboard.press("y")
    choose(page, of_ann, "#panel")
    page.keyboard.press("n")  # no verdict
    page.keyboard.press("Escape")
    assert page.locator("#load").is_hidden() and page.locator("#zoom").is_visible()
    assert progress(page).startswith("1 of 6 reviewed, 0 added")
    assert page.locator("#reviewer").input_value() == ""


def changed(of_ann: Path, **changes: Any) -> str:
    content = json.loads(of_ann.read_text())
    content["images"][0] |= changes
    return json.dumps(content)


OF_ANN: dict[str, Any] = {
    "another image": {"sha256": "1" * 64},
    "another run": {"run": "1" * 64},
    "a cell": {"verdicts": [{"x": 1.5, "y": 2, "probability": 0.5, "verdict": None}]},
    "outside": {"missed": [{"x": 5000, "y": 3, "comment": ""}]},
    "no list": {"missed": None},
    "a verdict": {"verdicts": [{"x": 20, "y": 10, "probability": 0.5, "verdict": "maybe"}]},
    "a comment": {"comment": 3},
}
MESSAGES = {
    "another image": "It reviews a.tif, an image that is not on this page.",
    "another run": "It reviews a.tif of another run: its weights, settings or detections differ",
    "a cell": "It judges a cell of a.tif that this page does not show.",
    "outside": "It adds a figure outside a.tif.",
    "no list": "It is incomplete",
    "a verdict": "It is incomplete",
    "a comment": "It is incomplete",
    "JSON": "It is not a review",
    "a page": "It is not a review",
    "newer": "A newer version of the program has written it",
}


@pytest.mark.parametrize("wrong", MESSAGES)
def test_what_does_not_belong_here_is_refused(
    page: Page, of_ann: Path, tmp_path: Path, wrong: str
) -> None:
    content = json.loads(of_ann.read_text())
    others = {"JSON": "{", "a page": "[1]", "newer": json.dumps(content | {"schema_version": 99})}
    file = tmp_path / "wrong.review.json"
    file.write_text(others.get(wrong) or changed(of_ann, **OF_ANN[wrong]))
    choose(page, file)
    assert page.locator("#load-text").inner_text().startswith(MESSAGES[wrong])
    assert page.get_by_role("button", name="Load", exact=True).is_hidden()
    page.locator("#load").get_by_role("button", name="Close").click()
    assert page.locator("#reviewed").inner_text() == "0 of 11 cells reviewed in this browser"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("within", ["main", "#panel"])
def test_readable_by_all(page: Page, of_ann: Path, scheme: Any, within: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 360, "height": 640})
    if within == "#panel":
        open_view(page, 1)
    choose(page, of_ann, within)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
