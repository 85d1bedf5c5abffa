"""The calibration's reference moves with the level of the scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.adaptation.calibration import Calibration
from test.model.builders import tiny_detector
from test.rendering import render_tissue
from training.calibration_reference import level, moved
from training.icpr_2012 import PARIS
from training.samples import SourceImage


def fields(count: int) -> list[SourceImage]:
    rendered = (render_tissue((300, 320), figures=2, seed=seed)[0] for seed in range(count))
    return [SourceImage(pixels, f"{i}.tif", "A00", PARIS) for i, pixels in enumerate(rendered)]


def test_the_level_is_the_mean_over_fields_with_candidates() -> None:
    detector, (first, second) = tiny_detector("none"), fields(2)
    empty = SourceImage(np.full((300, 320, 3), 240, np.uint8), "empty.tif", "A00", PARIS)
    levels = [level(detector, [field]) for field in (first, second)]
    assert levels[0] != levels[1]
    assert level(detector, [first, empty, second]) == pytest.approx(sum(levels) / 2)


def test_the_bound_of_the_card_s_calibration_counts() -> None:
    bounded = tiny_detector("none", settings={"calibration": Calibration(0.0, 500, -0.5)})
    assert level(bounded, fields(1)) <= level(tiny_detector("none"), fields(1))


def test_the_reference_moves_by_the_change_of_the_level() -> None:
    detector = tiny_detector("none")
    first = moved({"reference": -1.6, "half_trusted": 500}, 0.25, detector)
    assert first["reference"] == -1.6 and first["level"] == 0.25
    assert first["half_trusted"] == 500 and "A00" in first["level_of"]
    again = moved(first, 0.75, detector)
    assert again["reference"] == pytest.approx(-1.1) and again["level"] == 0.75


def test_the_shipped_card_can_hold_it(tmp_path: Path) -> None:
    from model.card import Card
    from model.weights import load_card

    card = load_card(Path("weights")).values
    detector = tiny_detector("none")
    card["calibration"] = moved(card["calibration"], 0.1, detector)
    assert Card.model_validate(card).calibration is not None
