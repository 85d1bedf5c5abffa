"""Regions of interest that lie inside others."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import points_in_poly

from slide.nested_regions import nested, nested_warnings
from slide.polygon import Polygon


def rectangle(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)


OUTER, HOLE, ISLAND = (
    rectangle(200, 900, 1200, 1600), rectangle(300, 1000, 1100, 1500),
    rectangle(500, 1100, 600, 1200),
)  # fmt: skip


@pytest.mark.parametrize("turn", [1, -1])
def test_a_hole_that_is_a_polygon_of_its_own(turn: int) -> None:
    found = [Polygon((ring,)) for ring in (OUTER, HOLE)][::turn]
    inner, outer = (2, 1) if turn == 1 else (1, 2)
    assert nested_warnings(found) == [
        f"region {inner} (x 300 to 1100, y 1000 to 1500) lies inside region {outer}: if it is to "
        "be left out, draw it as a hole"
    ]


def test_an_island_in_a_hole_is_not_inside() -> None:
    assert nested([Polygon((OUTER, HOLE)), Polygon((ISLAND,))]) == {}
    assert nested([Polygon((OUTER,)), Polygon((HOLE,)), Polygon((ISLAND,))]) == {1: 0, 2: 0}


@pytest.mark.parametrize(
    "other",
    [
        OUTER,
        np.add(OUTER, (1000, 0)),  # side by side
        np.add(OUTER, (6, 6)),
        rectangle(200, 1000, 700, 1500),  # along the border
        rectangle(0, 1000, 1100, 1500),
    ],
)
def test_regions_that_touch_overlap_or_are_the_same(other: np.ndarray) -> None:
    assert nested_warnings([Polygon((OUTER,)), Polygon((other,))]) == []


def test_a_region_across_the_arms_of_another() -> None:
    arms = [[0, 0], [100, 0], [100, 99], [70, 99], [70, 30], [30, 30], [30, 99], [0, 99]]
    across, within = rectangle(10, 50, 90, 90), rectangle(10, 10, 90, 20)
    found = [Polygon((ring,)) for ring in (np.array(arms, float), across, within)]
    assert nested(found) == {2: 0}


def test_many_have_one_sentence() -> None:
    inner = [Polygon((np.add(ISLAND, (30 * n, 0)),)) for n in range(4)]
    (sentence,) = nested_warnings([Polygon((OUTER,)), *inner])
    assert sentence == (
        "4 regions lie inside others, such as region 2 (x 500 to 600, y 1100 to 1200) inside "
        "region 1: if they are to be left out, draw them as holes"
    )
    assert len(nested_warnings([Polygon((OUTER,)), *inner[1:]])) == 3


def test_as_scikit_image_finds_them() -> None:
    """Convex ones, whose corners decide."""
    generator = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rings = [
        generator.uniform(0, 300, 2) + radius * circle for radius in generator.uniform(2, 90, 60)
    ]
    around = [[i != j and points_in_poly(a, b).all() for j, b in enumerate(rings)]
              for i, a in enumerate(rings)]  # fmt: skip
    expected = {i: found.index(True) for i, found in enumerate(around) if any(found)}
    assert nested([Polygon((ring,)) for ring in rings]) == expected
    assert 10 < len(expected) < 60
