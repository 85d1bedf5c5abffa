"""Take a screenshot of a page in headless Chromium: `python -m tools.screenshot PAGE PNG`."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Playwright, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> str | None:
    """The path of a Chromium on PATH, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def launch(playwright: Playwright) -> Browser:
    """Start headless Chromium, without its sandbox, which does not work for root."""
    return playwright.chromium.launch(
        executable_path=find_browser(), args=["--no-sandbox", "--disable-dev-shm-usage"]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("png", type=Path)
    parser.add_argument("--width", type=int, default=1200, help="px [%(default)s]")
    parser.add_argument("--height", type=int, default=1200, help="px [%(default)s]")
    parser.add_argument("--dark", action="store_true", help="use the dark colour scheme")
    parser.add_argument("--print", action="store_true", help="use the print layout")
    parser.add_argument("--whole", action="store_true", help="capture the whole page")
    parser.add_argument("--colours", type=int, help="reduce the PNG to this many colours")
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = launch(playwright)
        size = {"width": options.width, "height": options.height}
        scheme = "dark" if options.dark else "light"
        page = browser.new_page(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
        if options.print:
            page.emulate_media(media="print")
        page.goto(options.page.resolve().as_uri())
        page.evaluate("Promise.all([...document.images].map((image) => image.decode()))")
        page.wait_for_timeout(500)  # ms, until the decoded images are drawn
        page.screenshot(path=options.png, full_page=options.whole)
        browser.close()
    if options.colours:
        picture = Image.open(options.png).convert("RGB")
        # This method keeps colours that are rare but far from the others, such as those of rings.
        reduced = picture.quantize(options.colours, Image.Quantize.MAXCOVERAGE, kmeans=3)
        reduced.save(options.png, optimize=True)


if __name__ == "__main__":
    main()
