"""Review with the fingers, in a Chromium that emulates a phone's touch screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from report.write import write
from test.report.browser import LOADED, centre, progress, quiet_page, settle, started
from test.report.builders import result_of, write_output

LEAST = 44  # CSS px of a target for a finger (WCAG 2.5.5)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as browser:
        yield browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("touch")
    write_output(folder, [result_of("a.tif")])
    assert write(folder / "out", ["report"]) == []
    return folder / "out" / "report.html"


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    """A phone's view of the image."""
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    with quiet_page(browser, report.as_uri(), **phone) as page:
        page.get_by_role("button", name="Zoom in and review").tap()
        page.evaluate(LOADED)
        yield page


def place(page: Page, rank: int) -> tuple[float, float]:
    box = page.locator(f".rings .mark >> nth={-rank}").locator("circle").nth(1).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def pinch(page: Page, *spreads: float) -> None:
    """Two fingers about the centre of the view, at these distances from it in turn, CSS px."""
    x, y = centre(page)
    session = page.context.new_cdp_session(page)
    for number, spread in enumerate(spreads):
        fingers = [{"x": x + side * spread, "y": y, "id": side + 1} for side in (-1, 1)]
        kind = "touchMove" if number else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
        settle(page)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    settle(page)


def test_a_tap_on_or_beside_a_ring_selects_its_cell(page: Page) -> None:
    x, y = place(page, 6)
    page.touchscreen.tap(x, y)
    assert page.locator("#strip [aria-current]").inner_text().startswith("6. ")
    page.get_by_role("button", name="Whole image").tap()
    settle(page)
    page.evaluate("view.data.ring = 1")  # px, as in an image that is much larger than the screen
    x, y = place(page, 1)
    page.touchscreen.tap(x - 16, y)  # beyond the ring of 9 CSS px
    assert page.locator("#strip [aria-current]").inner_text().startswith("1. ")


def test_review_by_taps(page: Page) -> None:
    page.locator("#strip button").nth(1).tap()
    for name in ("Mitotic figure", "Not", "Unsure"):
        page.locator("#panel").get_by_role("button", name=name).tap()
    assert progress(page).startswith("3 of 6 reviewed, 0 added. Mitotic figures: 2 (")
    page.get_by_role("button", name="Undo").tap()
    page.get_by_role("button", name="Whole image").tap()
    settle(page)
    page.get_by_role("button", name="Add a missed figure").tap()
    x, y = centre(page)
    page.touchscreen.tap(x + 50, y + 50)
    assert progress(page).startswith("2 of 6 reviewed, 1 added. Mitotic figures: 3 (")


def test_two_fingers_zoom(page: Page) -> None:
    before = page.evaluate("rings.transform().scale")
    pinch(page, 20, 30, 40, 60, 80)
    wide = page.evaluate("rings.transform().scale")
    assert wide == pytest.approx(4 * before, rel=0.3)
    pinch(page, 80, 60, 40)
    assert page.evaluate("rings.transform().scale") < 0.7 * wide
    assert page.evaluate("visualViewport.scale") == 1, "the page itself is not zoomed"


def test_buttons_are_large_enough(page: Page) -> None:
    """And nothing is wider than the screen, which scrolls down to all of them."""
    for button in page.locator("#zoom button:visible, #zoom label:has(input):visible").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= LEAST and box["width"] >= LEAST, button.inner_text()
        inside = box["x"] >= 0 and box["x"] + box["width"] <= 360
        assert inside or button.evaluate("b => b.closest('#strip') !== null"), button.inner_text()
    assert page.evaluate("document.querySelector('#zoom').scrollWidth") <= 360
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
