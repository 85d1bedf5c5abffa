"""From two reviews in the browser to the merged page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from report.__main__ import main
from test.report.browser import open_view, quiet_page, settle, started
from test.report.builders import result_of, write_output


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as browser:
        yield browser


@pytest.fixture(scope="module")
def merged(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of two images, one of which Ann and Bo have reviewed."""
    folder = tmp_path_factory.mktemp("merged")
    write_output(folder, [result_of("a.tif"), result_of("b.tif", detections=[])])
    page_file = folder / "out" / "report.html"
    assert main([str(folder / "out"), "--report"]) == 0
    reviews = []
    with quiet_page(browser, page_file.as_uri()) as page:
        for name, keys in {"Ann": "yyynnn", "Bo": "ynyunn"}.items():
            open_view(page, 1)
            page.locator("#reviewer").fill(name)
            page.locator("#reviewer").press("Enter")
            for key in keys:
                page.keyboard.press(key)
            with page.expect_download() as download:
                page.locator('#panel [data-save="json"]').click()
            reviews += ["--review", str(folder / download.value.suggested_filename)]
            download.value.save_as(reviews[-1])
            page.keyboard.press("Escape")
    assert main([str(folder / "out"), *reviews]) == 0
    return page_file


@pytest.fixture
def page(browser: Browser, merged: Path) -> Iterator[Page]:
    with quiet_page(browser, merged.as_uri()) as page:
        yield page


def cells(page: Page, region: str) -> list[list[str]]:
    rows = page.get_by_role("region", name=region).locator("tbody tr").all()
    return [row.locator("th, td").all_inner_texts() for row in rows]


def test_counts_precision_and_disagreements(page: Page) -> None:
    found = cells(page, "Counts after review")
    assert [row[:3] + row[4:] for row in found] == [["a.tif", "3", "2", "2", "2", "0", "2", "0"]]
    text = page.locator("section[aria-labelledby=review]").inner_text()
    assert "4 of 6 cells judged alike, Cohen's kappa 0.43" in text
    assert "1 of 1\t1.00 (0.21 to 1.00)" in text
    assert [row[2:] for row in cells(page, "Disagreements of Ann and Bo")] == [
        ["0.900", "mitotic figure", "non-mitotic figure"],
        ["0.700", "non-mitotic figure", "unsure"],
    ]


def test_a_disagreement_leads_to_its_cell(page: Page) -> None:
    page.get_by_role("region", name="Disagreements").get_by_role("button").first.click()
    settle(page)
    assert page.locator("#current").inner_text().startswith("2. Probability 0.900")


def test_only_the_summary_sorts(page: Page) -> None:
    page.get_by_role("button", name="Mitotic figures").click()
    assert page.locator("#summary-table tbody tr").count() == 2


def test_readable_by_all_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
