"""Rows are kept as they come; a folder holds results of one setup."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation import ScoringError
from experiments.results import RESULTS_FILE, Results, read_results


def test_rows_survive_an_interruption(tmp_path: Path) -> None:
    results = Results(tmp_path / "out", {"weights": "a"})
    results.add({"image": "x"})
    results.add({"image": "y"})
    path = tmp_path / "out" / RESULTS_FILE
    path.write_text(path.read_text()[:-3])
    again = Results(tmp_path / "out", {"weights": "a"})
    assert again.rows == [{"image": "x"}]
    again.add({"image": "z"})
    assert read_results(tmp_path / "out") == [{"image": "x"}, {"image": "z"}]


def test_other_settings_need_another_folder(tmp_path: Path) -> None:
    Results(tmp_path, {"weights": "a"})
    with pytest.raises(ScoringError, match="results of other settings"):
        Results(tmp_path, {"weights": "b"})


def test_a_folder_without_results_has_no_rows(tmp_path: Path) -> None:
    assert read_results(tmp_path) == []
