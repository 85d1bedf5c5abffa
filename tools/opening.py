"""Measure how long headless Chromium takes to open a page: `python -m tools.opening PAGE`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, sync_playwright

from tools.screenshot import launch

# The page's policy forbids wait_for_function, which evaluates text again and again.
FIRST_PAINT = """new Promise(done => {
    const look = () => {
        const [paint] = performance.getEntriesByName("first-contentful-paint");
        if (paint) done(paint.startTime); else setTimeout(look, 5);
    };
    look();
})"""


class Opening(NamedTuple):
    """Times from the start of the navigation.

    Attributes:
        first_paint: s until the first content is drawn.
        loaded: s until the load event, after all scripts have run.
        slowdown: factor by which other work slowed the machine down; 1 on an idle machine.
    """

    first_paint: float
    loaded: float
    slowdown: float

    @property
    def undisturbed(self) -> float:
        """Estimated s until the load event if the machine were idle."""
        return self.loaded / self.slowdown


def opening(browser: Browser, page: Path, times: int = 5) -> Opening:
    """The fastest of several openings, each in a fresh browser context.

    Other work on the machine can only slow an opening down, so the fastest is the best estimate.
    """
    return min((_open(browser, page) for _ in range(times)), key=lambda once: once.loaded)


def _open(browser: Browser, page: Path) -> Opening:
    before = _slowdown()
    context = browser.new_context(offline=True)
    tab = context.new_page()
    started = time.monotonic()
    tab.goto(page.resolve().as_uri(), wait_until="load")
    loaded = time.monotonic() - started
    paint = tab.evaluate(FIRST_PAINT)
    context.close()
    return Opening(paint / 1000, loaded, min(before, _slowdown()))


def _slowdown(spin: float = 0.1) -> float:
    """Elapsed time divided by processor time, for `spin` s of work."""
    started, clock = time.process_time(), time.monotonic()
    while time.process_time() - started < spin:
        pass
    return max((time.monotonic() - clock) / spin, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument(
        "--times", type=int, default=5, help="openings; the fastest counts [%(default)s]"
    )
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = launch(playwright)
        found = opening(browser, options.page, options.times)
        browser.close()
    print(f"{options.page}: {options.page.stat().st_size / 2**20:.1f} MiB, {describe(found)}")


def describe(found: Opening) -> str:
    """The times as text."""
    return (
        f"first paint after {found.first_paint:.2f} s, loaded after {found.loaded:.2f} s; "
        f"other work slowed the machine down {found.slowdown:.1f} times"
    )


if __name__ == "__main__":
    main()
