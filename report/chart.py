"""A line chart as the numbers that an SVG needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 300.0, 80.0


class Chart(NamedTuple):
    """A curve: SVG path data in a box of WIDTH x HEIGHT, and its values in words."""

    title: str
    path: str
    low: str
    high: str
    description: str


def line_chart(
    title: str, values: Sequence[float | None], unit: str, a_point: int = 1
) -> Chart | None:
    """The chart of a sequence of values; None with fewer than two values.

    A missing or infinite value is a gap in the line.

    Args:
        title: of the chart.
        values: one for each point.
        unit: of the horizontal axis, in the plural.
        a_point: units for each point.
    """
    kept = [v if v is not None and math.isfinite(v) else None for v in values]
    numbers = [v for v in kept if v is not None]
    if len(numbers) < 2:
        return None
    low, high = min(numbers), max(numbers)
    across = WIDTH / (len(kept) - 1)
    path, pen = [], "M"
    for index, value in enumerate(kept):
        if value is not None:
            y = HEIGHT / 2 if high == low else HEIGHT * (high - value) / (high - low)
            path.append(f"{pen}{index * across:.1f} {y:.1f}")
        pen = "M" if value is None else "L"
    description = (
        f"{title} over {len(kept) * a_point} {unit}: from {numbers[0]:.3g} to "
        f"{numbers[-1]:.3g}, between {low:.3g} and {high:.3g}"
    )
    return Chart(title, " ".join(path), f"{low:.3g}", f"{high:.3g}", description)
