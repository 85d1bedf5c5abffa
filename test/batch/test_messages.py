"""What is said about an image."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from batch.messages import (
    adaptation,
    adaptation_notes,
    adapted_parts,
    colour_notes,
    few_candidates,
    where_to_look,
)
from model.adaptation.record import AdaptationRecord
from slide.margins import find_margins, placed
from slide.tissue import find_tissue
from test.slide.slides import tissue

HALVES = {"name": "halves", "value": 3, "limit": 2, "passed": False, "words": "halves differ"}
FELL = HALVES | {"name": "accuracy_loss", "words": "it fell"}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"name": "none"}, "off"),
        ({"name": "calibrated", "log_odds_shift": -1.755}, "scores calibrated (-1.75 log odds)"),
        (
            {"name": "gradient-reversal", "steps": 9, "planned_steps": 9, "log_odds_shift": 0.5},
            "network adapted in 9 steps and scores calibrated (+0.50 log odds)",
        ),
        ({"name": "paper", "steps": 9, "planned_steps": 9}, "network adapted in 9 steps"),
        (
            {"name": "paper", "steps": 9, "fallback": "it collapsed"},
            "network not adapted (it collapsed)",
        ),
        (
            {"name": "calibrated", "fallback": "halves differ", "guard": [HALVES]},
            "scores not adapted (halves differ)",
        ),
        (
            {
                "name": "gradient-reversal",
                "fallback": "it fell",
                "guard": [FELL],
                "log_odds_shift": 1,
            },
            "network not adapted (it fell) and scores calibrated (+1.00 log odds)",
        ),
        (
            {"name": "paper", "steps": 4, "planned_steps": 9},
            "network adapted in 4 of 9 steps, when the time budget ran out",
        ),
        ({"name": "calibrated"}, "not adapted (no reason was recorded)"),
        (
            {"name": "calibrated", "log_odds_shift": 0.0},
            "not adapted (the scores already match the reference)",
        ),
        (
            {"name": "paper", "planned_steps": 0},
            "not adapted (too few candidates for a step)",
        ),
        (
            {"name": "paper", "steps": 0, "planned_steps": 9},
            "network not adapted (the time budget ran out before the first step)",
        ),
    ],
)
def test_what_the_adaptation_did(record: dict[str, object], expected: str) -> None:
    assert adaptation(AdaptationRecord.model_validate(record), 100) == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"name": "none"}, "off"),
        ({"name": "paper", "steps": 9}, "network"),
        ({"name": "paper", "steps": 9, "fallback": "it fell"}, "nothing"),
        ({"name": "calibrated", "log_odds_shift": 0.5}, "scores"),
        ({"name": "gradient-reversal", "steps": 9, "log_odds_shift": 0.5}, "network and scores"),
        (
            {"name": "gradient-reversal", "steps": 9, "fallback": "it fell", "log_odds_shift": 1},
            "scores",
        ),
    ],
)
def test_what_was_adapted_in_the_closing_table(record: dict[str, object], expected: str) -> None:
    assert adapted_parts(AdaptationRecord.model_validate(record)) == expected


def test_an_image_without_candidates() -> None:
    assert adaptation(AdaptationRecord(name="calibrated"), 0) == "not adapted (no candidates)"


def test_a_budget_that_ended_the_adaptation() -> None:
    (line,) = adaptation_notes(AdaptationRecord(name="paper", steps=3, planned_steps=8))
    assert line.startswith("the time budget stopped the adaptation after 3 of 8 steps")
    assert adaptation_notes(AdaptationRecord(name="paper", steps=8, planned_steps=8)) == []
    rejected = AdaptationRecord(name="paper", steps=3, planned_steps=8, fallback="it diverged")
    assert adaptation_notes(rejected) == ["network not adapted: it diverged"]


def test_where_to_look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a container /output is another folder, and no environment to run commands in."""
    monkeypatch.delenv("MITOSIS_OUTPUT", raising=False)
    line = where_to_look(Path("/output"), has_page=False)
    assert line.startswith("the results are in /output; run python -m report /output")
    monkeypatch.setenv("MITOSIS_OUTPUT", str(tmp_path))
    assert where_to_look(Path("/output"), True) == f"open {tmp_path / 'report.html'} in a browser"
    line = where_to_look(Path("/output"), False)
    assert line == f"the results are in {tmp_path}; add --report for an HTML page"


def test_where_to_look_after_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MITOSIS_OUTPUT", raising=False)
    line = where_to_look(Path("/output"), False, failures=2)
    assert line.startswith("incomplete, with 2 errors: the results are in /output; ")
    line = where_to_look(Path("/output"), True, failures=1)
    assert line == "incomplete, with 1 error: open /output/report.html in a browser"


@pytest.mark.parametrize(("candidates", "area", "few"), [
    (95, 0.1, True), (0, 0.1, True), (110, 0.1, False), (1, 0.005, False), (5, 0.0, False),
])  # fmt: skip
def test_few_candidates_for_so_much_tissue(candidates: int, area: float, few: bool) -> None:
    class Found(NamedTuple):
        candidates: int
        tissue_mm2: float

    assert few_candidates(Found(candidates, area)) is few  # type: ignore[arg-type]


def test_areas_with_colours_that_tissue_lacks() -> None:
    pixels = tissue((400, 512), seed=3)
    assert colour_notes(find_tissue(pixels, 0.25)) == []
    overlay = pixels.copy()
    overlay[:, :256] = overlay[:, :256] // 2 + np.array((0, 127, 0), np.uint8)
    (line,) = colour_notes(find_tissue(overlay, 0.25))
    assert line.startswith("0.007 mm² have colours that tissue lacks")


@pytest.mark.parametrize("lost", [slice(300, None), slice(150, 250)])
def test_bytes_that_were_lost_are_black(lost: slice) -> None:
    pixels = tissue((400, 512), seed=3)
    pixels[lost] = 0
    (line,) = colour_notes(find_tissue(pixels, 0.25))
    assert line.startswith(
        "0.003 mm² are black, as of a border or of bytes that were lost: left out"
    )
    margins = find_margins(pixels, 0.25)
    part = find_tissue(pixels[margins.box.slices], 0.25)
    assert colour_notes(placed(part, margins, pixels.shape, (1, 1))) == [line]


@pytest.mark.parametrize("share", [0.05, 0.4, 0.9])
def test_the_pixels_after_a_lost_byte_have_such_colours(share: float) -> None:
    pixels = tissue((400, 512), seed=3)
    stored = pixels.tobytes()
    place = 3 * int(share * len(stored) / 3)
    lost = np.frombuffer(stored[:place] + stored[place + 1 :] + b"\0", np.uint8)
    (line,) = colour_notes(find_tissue(lost.reshape(pixels.shape), 0.25))
    assert "damaged pixels" in line
