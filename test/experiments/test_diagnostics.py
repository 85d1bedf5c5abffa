"""The plot of what an adaptation did, from a result that process.py has written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import process
from experiments.diagnostics import PLOT_FILE, main
from test.model.builders import tiny_bank, tiny_network, write_bank, write_weights
from test.rendering import render_tissue
from training.tiff import write_tiff


def test_drawn_from_the_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = tiny_network()
    write_bank(
        tmp_path / "bank", tiny_bank(network, sha256=write_weights(tmp_path / "weights", network))
    )
    (tmp_path / "in").mkdir()
    write_tiff(tmp_path / "in" / "a.tif", render_tissue((100, 120), figures=1, seed=1)[0], 0.25)
    (tmp_path / "in" / "b.tif").write_bytes(b"no image")
    write_tiff(tmp_path / "in" / "c.tif", np.full((64, 64, 3), 240, np.uint8), 0.25)
    status = process.main(
        [
            *("--input", str(tmp_path / "in"), "--output", str(tmp_path / "out"), "--quiet"),
            *("--weights", str(tmp_path / "weights"), "--source-bank", str(tmp_path / "bank")),
            *("--adaptation", "gradient-reversal", "--max-steps", "3", "--diagnostics"),
        ]
    )
    assert status == 1, "b.tif is not an image"
    assert main([str(tmp_path / "out")]) == 0
    drawn = sorted(path.parent.name for path in (tmp_path / "out").rglob(PLOT_FILE))
    assert drawn == ["a", "c"], "a failed image has none, one without candidates an empty one"
    assert (tmp_path / "out" / "a" / PLOT_FILE).stat().st_size > 10000
    capsys.readouterr()
    (tmp_path / "empty").mkdir()
    assert main([str(tmp_path / "empty")]) == 2
    assert "no result.json" in capsys.readouterr().err
