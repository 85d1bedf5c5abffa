"""Numbers of things are written with the right ending."""

from __future__ import annotations

from slide.wording import counted


def test_counted() -> None:
    assert [counted(n, "tile") for n in (0, 1, 2)] == ["0 tiles", "1 tile", "2 tiles"]
