"""Fields cut into pieces: all pixels and figures, each once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from test.builders import write_data_folder
from training.prepare import Field, cut_field, main
from training.samples import SourceImage

PIXELS = np.random.default_rng(0).integers(0, 256, (101, 83, 3), np.uint8)
FIELD = Field(
    SourceImage(PIXELS, "A00_00Aa.jpg", "A00", "paris"),
    0.25,
    {1: np.array([[0.0, 0.0], [41.0, 50.0], [40.9, 49.9], [82.9, 100.9]]), 2: np.zeros((0, 2))},
)


def test_pieces_are_the_field() -> None:
    parts = list(cut_field(FIELD, 2))
    rows = [
        np.concatenate([p.image.pixels for p in parts[start : start + 2]], axis=1)
        for start in (0, 2)
    ]
    assert np.array_equal(np.concatenate(rows), PIXELS)
    assert [part.image.file for part in parts] == [f"A00_00Aa-{n}.jpg" for n in (1, 2, 3, 4)]
    assert {part.image.slide for part in parts} == {"A00"} and parts[0].mpp == 0.25


def test_a_figure_keeps_its_pixel() -> None:
    parts = list(cut_field(FIELD, 3))
    found = [
        part.image.pixels[int(y), int(x)].tolist() for part in parts for x, y in part.centres[1]
    ]
    expected = [PIXELS[int(y), int(x)].tolist() for x, y in FIELD.centres[1]]
    assert sorted(found) == sorted(expected)
    assert all(len(part.centres[2]) == 0 for part in parts)


def test_one_piece_is_the_field_itself() -> None:
    (part,) = cut_field(FIELD, 1)
    assert part is FIELD


def test_command_writes_the_pieces(tmp_path: Path) -> None:
    write_data_folder(tmp_path / "data")
    counts = []
    for pieces in ("1", "2"):
        assert main([str(tmp_path / "data"), str(tmp_path / pieces), "--pieces", pieces]) == 0
        truth = json.loads((tmp_path / pieces / "ground_truth.json").read_text())
        assert len(list((tmp_path / pieces).rglob("*.tif"))) == len(truth["images"])
        counts.append((len(truth["images"]), len(truth["annotations"])))
    assert counts[1] == (4 * counts[0][0], counts[0][1])


def test_no_pieces_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path), str(tmp_path / "out"), "--pieces", "0"])
    assert stop.value.code == 2
    assert "--pieces must be at least 1" in capsys.readouterr().err
