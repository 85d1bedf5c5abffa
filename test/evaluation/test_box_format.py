"""Boxes written in each format at random are recognised, or refused; never taken for the other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.box_format import (
    CORNER_AND_SIZE,
    CORNERS_REVERSED,
    TWO_CORNERS,
    Boxes,
    box_format,
    to_corners,
)

WRITERS = {
    TWO_CORNERS: lambda c: c,
    CORNER_AND_SIZE: lambda c: np.hstack([c[:, :2], c[:, 2:] - c[:, :2]]),
    CORNERS_REVERSED: lambda c: np.hstack([c[:, 2:], c[:, :2]]),
}


def random_corners(seed: int, count: int, equal: bool) -> np.ndarray:
    """(count, 4) px: boxes of cells in an image of 7000x5000 px."""
    random = np.random.default_rng(seed)
    centres = random.uniform((0, 0), (7000, 5000), (count, 2))
    sides = np.full((count, 2), 50.0) if equal else random.uniform(30, 80, (count, 2))
    return np.round(np.hstack([centres - sides / 2, centres + sides / 2]))


def boxes(numbers: np.ndarray, areas: np.ndarray | None = None, sized: bool = True) -> Boxes:
    count = len(numbers)
    size = (7000, 5000) if sized else (np.nan, np.nan)
    unknown = np.full(count, np.nan)
    return Boxes(numbers, unknown if areas is None else areas, np.tile(size, (count, 1)))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(8, 30), st.booleans(), st.booleans())
@pytest.mark.parametrize("name", [TWO_CORNERS, CORNER_AND_SIZE, CORNERS_REVERSED])
def test_boxes_all_over_an_image(
    name: str, seed: int, count: int, equal: bool, sized: bool
) -> None:
    corners = random_corners(seed, count, equal)
    written = WRITERS[name](corners)
    assert box_format(boxes(written, sized=sized)) == name
    np.testing.assert_array_equal(to_corners(written, name), corners)


def test_a_box_outside_its_image_does_not_turn_the_others() -> None:
    """As corners in reverse, x, y, width, height have their centres halfway to the origin."""
    corners = random_corners(60, 26, equal=False)
    corners[0] += 7000
    written = WRITERS[CORNER_AND_SIZE](corners)
    assert box_format(boxes(written)) == CORNER_AND_SIZE


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([TWO_CORNERS, CORNER_AND_SIZE]))
def test_the_area_decides_for_a_single_box(seed: int, equal: bool, name: str) -> None:
    corners = random_corners(seed, 1, equal)
    area = (corners[:, 2:] - corners[:, :2]).prod(axis=1)
    written = boxes(WRITERS[name](corners), area)
    read = to_corners(written.numbers, box_format(written))
    sides = read[:, 2:] - read[:, :2]
    np.testing.assert_allclose(sides.prod(axis=1), area, rtol=0.03)


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([TWO_CORNERS, CORNER_AND_SIZE]))
def test_a_single_box_without_area_is_right_or_refused(seed: int, equal: bool, name: str) -> None:
    corners = random_corners(seed, 1, equal)
    try:
        assert box_format(boxes(WRITERS[name](corners))) == name
    except ValueError as error:
        assert "can be read as" in str(error)


def test_boxes_near_the_origin_by_hand() -> None:
    for numbers, expected in (
        ([10, 20, 60, 71], TWO_CORNERS),  # a square of 50 px against 60x71
        ([10, 10, 60, 60], TWO_CORNERS),  # MIDOG's 50 px against 60
        ([30, 40, 50, 50], CORNER_AND_SIZE),
        ([100, 100, 140, 150], TWO_CORNERS),  # 40x50 against 140x150
        ([95, 95, 105, 105], TWO_CORNERS),  # 10 px against 105
        ([0, 0, 5, 5], TWO_CORNERS),  # the same centre
        ([60, 20, 10, 71], CORNER_AND_SIZE),  # no width as corners
    ):
        assert box_format(boxes(np.array([numbers], float))) == expected
    for numbers in ([30, 40, 70, 95], [10, 10, 40, 40]):
        with pytest.raises(ValueError, match="can be read as x1, y1, x2, y2 and as x, y, width"):
            box_format(boxes(np.array([numbers], float)))


def test_one_wrong_box_does_not_change_the_format_of_the_others() -> None:
    corners = random_corners(0, 10, equal=True)
    corners[3] = [9000, 9000, 9050, 9050]
    corners[4] = [100, 100, 50, 150]
    assert box_format(boxes(corners)) == TWO_CORNERS


def test_boxes_without_any_sense() -> None:
    with pytest.raises(ValueError, match="neither x1, y1, x2, y2 nor x, y, width, height"):
        box_format(boxes(np.array([[10.0, 50.0, 90.0, -20.0]])))
