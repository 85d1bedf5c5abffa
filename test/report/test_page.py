"""The page in a real headless Chromium: what a reader does with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from report.page import entry, render
from report.regions import ArrayReader
from report.saved import read_pixels
from report.write import write
from test.report.builders import ACCOUNT, COUNTS, SIZE, failed, result_of, saved, write_output
from tools.opening import describe, opening
from tools.screenshot import find_browser, launch


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if find_browser() is None:
        pytest.skip("NO CHROMIUM: the report was not opened in a browser; apt-get install chromium")
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    fewer = result_of("b.tif")["detections"][1:]
    measured = {
        "distance": {"before": 1.8, "after": None},
        "checks": [{"name": "drift", "value": 0.1, "words": "the weights moved by 10 % " * 3}],
    }
    results = [
        result_of("a.tif", adaptation=ACCOUNT | measured, counts=COUNTS),
        failed("bad.tif"),
        result_of("b.tif", detections=fewer, warnings=["pixels of 0.5 x 0.5 µm"]),
        result_of("empty.tif", detections=[], candidates=0),
    ]
    write_output(folder, results)
    assert write(folder / "out", ["report"]) == []
    return folder / "out" / "report.html"


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Browser, report: Path) -> Iterator[Page]:
    context = browser.new_context(color_scheme=request.param, offline=True)
    page = context.new_page()
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(report.as_uri())
    yield page
    assert messages == []
    context.close()


def column(page: Page, number: int) -> list[str]:
    return page.locator(f".scroll tbody tr > :nth-child({number})").all_inner_texts()


def test_counts_with_their_ranges(page: Page) -> None:
    rows = page.locator("#image-1 tr", has_text="Hotspot")
    assert rows.all_inner_texts() == [
        "Hotspot\t3 (1 to 5)\t1200.0 (400.0 to 2000.0)\t2844.0 (948.0 to 4740.0)\t0.00"
    ]
    assert page.locator("#image-3 h3", has_text="Counts").count() == 0, "an older result has none"


def test_images_load(page: Page) -> None:
    images = page.locator("img").count()
    loaded = "images => images.filter(i => i.complete && i.naturalWidth > 0).length"
    assert images == 3 + 6 + 5 == page.locator("img").evaluate_all(loaded)


def test_sorts(page: Page) -> None:
    names = ["a.tif", "bad.tif", "b.tif", "empty.tif"]
    assert column(page, 1) == names
    page.get_by_role("button", name="Image").click()
    assert column(page, 1) == ["a.tif", "b.tif", "bad.tif", "empty.tif"]
    page.get_by_role("button", name="Mitotic figures").press("Enter")
    assert column(page, 2) == ["3", "2", "0", "failed"]
    page.get_by_role("button", name="Mitotic figures").press("Enter")
    assert column(page, 2) == ["0", "2", "3", "failed"]
    head = page.get_by_role("columnheader", name="Mitotic figures")
    assert head.get_attribute("aria-sort") == "ascending"
    assert page.locator("#announcement").inner_text() == "sorted by Mitotic figures, ascending"


def test_filters_by_threshold(page: Page) -> None:
    figures = page.locator("#image-1 .detection.figure")
    assert figures.count() == 3
    page.get_by_role("slider").fill("0.25")
    assert figures.count() == 5 == page.locator("#image-1 .mark.figure").count()
    assert column(page, 2) == ["5", "failed", "4", "0"]
    area = SIZE[0] * SIZE[1] * 0.0625e-6
    assert column(page, 3)[0] == f"{5 / area:.1f}"
    page.get_by_role("checkbox").uncheck()
    assert page.locator("#image-1 .detection:visible").count() == 5
    page.get_by_role("button", name="Threshold of the run").click()
    assert figures.count() == 3


def test_readable_by_all(page: Page) -> None:
    """axe-core: contrast, names, roles, order of headings."""
    for details in page.locator("details").all():
        details.locator("summary").click()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


ONE_LINE = """cells => cells.every(cell => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return range.getClientRects().length <= 1;
})"""


@pytest.mark.parametrize(("width", "media"), [(360, "screen"), (718, "print")])
def test_fits_a_phone_and_a_sheet(
    page: Page, width: int, media: Literal["screen", "print"]
) -> None:
    """718 px are A4's width within the browser's margins. No number is broken over two lines."""
    page.set_viewport_size({"width": width, "height": 740})
    page.emulate_media(media=media)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("td.number").evaluate_all(ONE_LINE)
    if media == "print":  # what is scrolled to on a screen would be cut off
        table = page.locator(".scroll table").bounding_box()
        assert table is not None and table["x"] + table["width"] <= width


def test_numbers_are_printed_below_the_picture(page: Page) -> None:
    """Beside it, their tables are too narrow for whole words on paper."""
    page.set_viewport_size({"width": 794, "height": 1000})  # A4 without margins
    page.emulate_media(media="print")
    picture, numbers = (page.locator(".columns > div").nth(i).bounding_box() for i in (0, 1))
    assert picture is not None and numbers is not None
    assert numbers["y"] >= picture["y"] + picture["height"]


def test_a_printed_heading_stays_with_its_table(page: Page) -> None:
    page.emulate_media(media="print")
    breaks = "found => found.map(heading => getComputedStyle(heading).breakAfter)"
    assert set(page.locator("h2, h3, h4").evaluate_all(breaks)) == {"avoid"}


def test_prints_what_is_folded(page: Page, tmp_path: Path) -> None:
    page.pdf(path=tmp_path / "report.pdf")
    assert page.locator("details:not([open])").count() == 0
    assert (tmp_path / "report.pdf").stat().st_size > 10_000


@pytest.fixture
def hundred_images(tmp_path: Path) -> Path:
    """A page with as many crops and bytes as a hundred of the challenge's images need: on real
    tissue of their size, 210 KB per overview and 4.4 KB per crop (test_at_size.py)."""
    (one,) = write_output(tmp_path, [result_of("a.tif")])
    many = saved(detections=[one.detections[0]] * 2000)
    full = entry(many, ArrayReader(read_pixels(one)), 100)
    full["overview"] += "A" * max(0, 220_000 - len(full["overview"]))
    for number, shown in enumerate(full["shown"]):
        picture = shown.picture + "A" * max(0, 4_500 - len(shown.picture))
        full["shown"][number] = shown._replace(picture=picture)
    file = tmp_path / "many.html"
    file.write_bytes(render([full] * 100, []))
    return file


def test_hundred_images_stay_below_50_mib(hundred_images: Path) -> None:
    assert 33 < hundred_images.stat().st_size / 2**20 < 50


@pytest.mark.slow
def test_hundred_images_open_in_two_seconds(browser: Browser, hundred_images: Path) -> None:
    file = hundred_images
    found = opening(browser, file)
    print(describe(found))
    assert found.undisturbed < 2, "seconds"

    page = browser.new_page()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(file.as_uri())
    metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    page.close()
    assert 0 < metrics["TaskDuration"] < 2, "seconds of processor time"
