import json
from pathlib import Path
from typing import Any

import pytest

from test.compare import FILE, compare, main

POINTS = [(0.1, 0.2, 0.99), (0.3, 0.2, 0.95), (0.301, 0.2005, 0.94)]


def write(folder: Path, points: list[tuple[float, float, float]], **changes: Any) -> Path:
    """A file with these (x in mm, y in mm, probability) as mitotic figures."""
    folder.mkdir(exist_ok=True)
    entries = [
        {"point": [x, y, 0], "probability": p, "name": "mitotic figure", **changes}
        for x, y, p in points
    ]
    (folder / FILE).write_text(json.dumps({"points": entries}))
    return folder


def shifted(dx_um: float = 0, probability: float = 0) -> list[tuple[float, float, float]]:
    (x, y, p), *others = POINTS
    return [(x + dx_um / 1000, y, p - probability), *others]


def test_the_same_points_in_another_order_are_the_same(tmp_path: Path) -> None:
    assert compare(write(tmp_path / "a", POINTS), write(tmp_path / "b", POINTS[::-1])) == []


def test_tolerances_hold_on_both_sides(tmp_path: Path) -> None:
    a = write(tmp_path / "a", POINTS)
    assert compare(a, write(tmp_path / "b", shifted(dx_um=0.9, probability=0.019))) == []
    (line,) = compare(a, write(tmp_path / "b", shifted(dx_um=1.1)))
    assert "is 1.10 µm off" in line
    (line,) = compare(a, write(tmp_path / "b", shifted(probability=0.021)))
    assert "probability 0.021 off" in line


@pytest.mark.parametrize("axis", [0, 1])
def test_a_shift_of_2_um_exits_non_zero(tmp_path: Path, axis: int) -> None:
    a = write(tmp_path / "a", POINTS)
    moved = [(x + 0.002 * (axis == 0), y + 0.002 * (axis == 1), p) for x, y, p in POINTS]
    assert main([str(a), str(write(tmp_path / "b", moved))]) == 1
    assert main([str(a), str(a)]) == 0


def test_a_lost_point_a_lost_file_and_an_empty_reference_are_found(tmp_path: Path) -> None:
    a = write(tmp_path / "a", POINTS)
    assert "2 mitotic figures, expected 3" in compare(a, write(tmp_path / "b", POINTS[:2]))[0]
    (tmp_path / "empty").mkdir()
    assert "missing" in compare(a, tmp_path / "empty")[0]
    assert "no mitotic-figures.json there" in compare(tmp_path / "empty", a)[0]


def test_points_below_the_threshold_may_come_and_go(tmp_path: Path) -> None:
    a = write(tmp_path / "a", POINTS, name="non-mitotic figure")
    assert compare(a, write(tmp_path / "b", [])) == []


def test_points_from_a_probability_on_are_compared_too(tmp_path: Path) -> None:
    """Where an image has no mitotic figure, its near misses show whether the run is the same."""
    a = write(tmp_path / "a", POINTS, name="non-mitotic figure")
    b = write(tmp_path / "b", POINTS[:2], name="non-mitotic figure")
    assert compare(a, b, least=0.945) == []
    assert "2 mitotic figures, expected 3" in compare(a, b, least=0.9)[0]
    assert main([str(a), str(b), "--least", "0.9"]) == 1


def test_two_points_may_not_share_one_partner(tmp_path: Path) -> None:
    near = [(0.1, 0.2, 0.9), (0.1004, 0.2, 0.9)]
    far = [(0.1, 0.2, 0.9), (0.5, 0.2, 0.9)]
    assert len(compare(write(tmp_path / "a", near), write(tmp_path / "b", far))) == 1
