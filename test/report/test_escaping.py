"""File names and messages of strangers stand on the page as text, whatever they contain."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from report.page import entry, render
from report.saved import Saved
from test.batch.builders import SETTINGS
from test.report.builders import ACCOUNT, failed, parsed, saved

ATTACKS = (
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)",
    "</style><script>", "</script><script>alert(1)</script>", "{{ 7 * 7 }}", "{% raw %}", "<!--",
    "&lt;b&gt;", "javascript:alert(1)", "\u2028\u202e<svg/onload=alert(1)>", "]]>",
)  # fmt: skip


class Seen(HTMLParser):
    """Counts the tags, and collects the names of attributes, and the text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def page_of(text: str) -> Seen:
    """The page of a result with this text wherever one may stand."""
    image = saved(
        file=f"{text}.tif",
        warnings=[text],
        settings=SETTINGS | {"adaptation": text, text: text},
        versions={"python": text},
        adaptation=ACCOUNT | {"fallback": text, "batch_norm": text, "drift_by_layer": {text: 1.0}},
    )
    broken = Saved(Path("nowhere"), parsed(failed(f"2{text}.tif") | {"error": text}))
    return Seen(render([entry(image, None, 3), entry(broken, None, 3)], [text]))


@pytest.mark.parametrize("attack", ATTACKS)
def test_text_stays_text(attack: str) -> None:
    plain, attacked = page_of("plain"), page_of(attack)
    assert attacked.tags == plain.tags
    assert attacked.attributes == plain.attributes
    assert not [name for name in attacked.attributes if name.startswith("on")]
    assert attack in attacked.text


def test_an_unescaped_page_would_be_noticed() -> None:
    assert Seen(b"<p>a<script>x</script></p>").tags != Seen(b"<p>a</p>").tags
