"""A page in headless Chromium, without a network."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tools.screenshot import find_browser, launch

# wait_for_function would evaluate text in the page, which the policy forbids.
LOADED = """new Promise(done => {
    const look = () => view.osd.world.getItemAt(0)?.getFullyLoaded() ? done() : setTimeout(look);
    look();
})"""


@contextlib.contextmanager
def started() -> Iterator[Browser]:
    """The browser; skips the test where there is none."""
    if find_browser() is None:
        pytest.skip("NO CHROMIUM: the report was not opened in a browser; apt-get install chromium")
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


# OpenSeadragon's note on a tile that arrives after the image was exchanged, as on a slow machine.
LATE_TILE = "Ignoring tile"


@contextlib.contextmanager
def quiet_page(browser: Browser, address: str, **options: Any) -> Iterator[Page]:
    """A page in a fresh context; at the end, nothing must be on its console."""
    context = browser.new_context(offline=True, reduced_motion="reduce", **options)
    page = context.new_page()
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(address)
    yield page
    assert [text for text in messages if not text.startswith(LATE_TILE)] == []
    context.close()


def open_view(page: Page, rank: int | None = None, image: int = 1) -> None:
    """Open the zoomable view of an image, or of one of its detections."""
    page.locator(f'[data-zoom="{image}{"" if rank is None else f"-{rank}"}"]').click()
    page.evaluate(LOADED)


def close_view(page: Page) -> None:
    """Close the zoomable view, and wait until the page knows."""
    page.keyboard.press("Escape")
    settle(page)


def settle(page: Page) -> None:
    """Wait until the view shows where it was told to go."""
    page.evaluate("new Promise(d => requestAnimationFrame(() => requestAnimationFrame(d)))")


def save(page: Page, folder: Path, form: str = "json") -> Path:
    """Save the review from the view, and keep the file."""
    with page.expect_download() as started:
        page.locator(f'#panel [data-save="{form}"]').click()
    file = folder / started.value.suggested_filename
    started.value.save_as(file)
    return file


def progress(page: Page) -> str:
    """What the view says of the review."""
    return page.locator("#progress").inner_text()


def centre(page: Page) -> tuple[float, float]:
    """The middle of the zoomable view on the screen, px."""
    box = page.locator("#zoom-canvas").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
