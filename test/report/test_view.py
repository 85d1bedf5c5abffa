"""The zoomable view in a real headless Chromium, opened from a file without a network."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image as Picture
from playwright.sync_api import Browser, Page

from report import view
from report.write import write
from test.report.browser import centre, open_view, quiet_page, settle, started
from test.report.builders import SIZE, result_of, write_output


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as browser:
        yield browser


@pytest.fixture(scope="module", params=["embedded", "tiled"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_output(folder, [result_of("a.tif"), result_of("b <script>.tif", detections=[])])
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "tiled":
            patch.setattr(view, "EMBEDDED_PIXELS_A_PAGE", 1000)
        assert write(folder / "out", ["report"]) == []
    assert (folder / "out" / "report_files").exists() == (request.param == "tiled")
    return folder / "out" / "report.html"


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    with quiet_page(browser, report.as_uri()) as page:
        yield page


def place(page: Page, rank: int) -> tuple[float, float]:
    """Where the centre of a detection's ring is on the screen, px."""
    box = page.locator(f".rings .mark >> nth={-rank}").locator("circle").nth(1).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_pixels_are_drawn(page: Page) -> None:
    open_view(page)
    png = page.locator("#zoom-canvas").screenshot()
    picture = Picture.open(io.BytesIO(png)).convert("RGB")
    middle = picture.crop((picture.width // 4, 0, picture.width // 2, picture.height))
    assert len(set(middle.get_flattened_data())) > 1000


def test_a_crop_leads_to_its_cell(page: Page) -> None:
    open_view(page, 3)
    assert place(page, 3) == pytest.approx(centre(page), abs=2)
    page.locator("#strip button").nth(4).click()
    settle(page)
    assert place(page, 5) == pytest.approx(centre(page), abs=2)
    assert page.locator("#strip [aria-current]").inner_text() == "5. 0.300"


def test_rings_and_crops_highlight_each_other(page: Page) -> None:
    open_view(page)
    page.mouse.move(*place(page, 4))
    assert page.locator("#strip .pointed").inner_text() == "4. 0.700"
    page.mouse.click(*place(page, 2))
    assert page.locator("#strip [aria-current]").inner_text() == "2. 0.900"
    page.locator("#strip button").nth(0).hover()
    assert page.locator(".rings .pointed text").all_text_contents() == ["0.90", "0.99"]


def test_zoom_scale_and_position(page: Page) -> None:
    """The bar is as long as it says, at every zoom."""
    open_view(page)
    lengths = set()
    for _ in range(4):
        bar = page.locator("#scale").bounding_box()
        assert bar is not None
        text = page.locator("#scale").inner_text()
        (number,) = re.findall(r"[\d.]+", text)
        um = float(number) * (1000 if "mm" in text else 1)
        per_px = page.evaluate("rings.transform().scale")
        assert bar["width"] == pytest.approx(um / 0.25 * per_px, abs=1)
        lengths.add(um)
        page.get_by_role("button", name="Zoom in", exact=True).click()
        settle(page)
    assert len(lengths) > 1
    page.get_by_role("button", name="Whole image").click()
    settle(page)
    page.mouse.move(*place(page, 1))
    text = page.locator("#position").inner_text()
    found = [float(number) for number in re.findall(r"[\d.]+", text)]
    assert found[:2] == pytest.approx([20.5 * 0.25, 10.5 * 0.25], abs=0.5), text


def test_near_misses_and_scores_without_adaptation(page: Page) -> None:
    open_view(page)
    crops = page.locator("#strip li:visible")
    assert crops.count() == 6 and page.locator("#strip .figure").count() == 3
    page.get_by_label("Near misses").uncheck()
    assert crops.count() == 3 == page.locator(".rings .mark:not([hidden])").count()
    page.get_by_label("Without adaptation").check()  # all are halved, below the threshold
    assert crops.count() == 0
    page.get_by_label("Near misses").check()
    assert crops.first.inner_text() == "1. 0.495"


def test_density(page: Page) -> None:
    """A figure's kernel has its peak at the figure: 1 / (2 pi sigma²) for a single one."""
    open_view(page)
    page.get_by_label("Density").check()
    assert page.locator(".rings image").count() == 1
    peak = float(page.locator("#zoom-status").inner_text().split()[2])
    assert 3 * 6.9 < peak < 3 * 7.2, "three figures within 10 µm: 7.07 per mm² each"
    first, last = page.evaluate("[...density.values(8, 6)].filter((_, i) => i === 0 || i === 47)")
    assert first > last, "the figures are at the left"
    page.get_by_label("Without adaptation").check()  # no figure is left
    assert page.locator("#zoom-status").inner_text().startswith("Darkest blue: 0.0")
    page.get_by_label("Density").uncheck()
    assert page.locator(".rings image").count() == 0


def test_an_image_without_detections_and_with_a_hostile_name(page: Page) -> None:
    page.locator('[data-zoom="2"]').click()
    assert page.locator("#zoom-name").inner_text() == "b <script>.tif"
    assert page.locator("#strip li").count() == 0
    page.keyboard.press("Escape")
    assert page.locator("#zoom").is_hidden()
    assert page.locator('[data-zoom="2"]').evaluate("button => button === document.activeElement")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_readable_by_all(page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 800})
    open_view(page, 1)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_view_is_not_printed(page: Page, tmp_path: Path) -> None:
    open_view(page)
    page.emulate_media(media="print")
    assert page.locator("#zoom").is_hidden()
    assert page.locator("#summary").is_visible()


def test_the_policy_allows_the_pages_own_scripts_only(page: Page, report: Path) -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', report.read_text())
    assert "unsafe-inline" not in policy.split("script-src")[1] and "http" not in policy
    data = json.loads(page.locator("#data-1").text_content() or "")
    assert data["size"] == [SIZE[1], SIZE[0]] and len(data["cells"]) == 6
