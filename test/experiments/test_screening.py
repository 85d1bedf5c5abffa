"""What the screen rejects, against counts by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.screening import Screened, losses, main
from model.hashes import file_sha256
from model.screen import SCREEN_FILE, ScreenNetwork, save_screen
from model.weights import CARD_FILE


def test_figures_that_the_screen_rejects() -> None:
    near = np.array([[True, False], [True, False], [False, True], [False, False]])
    image = Screened(
        calibrated=np.array([0.9, 0.4, 0.9, 0.9]),
        passed=np.array([False, True, True, False]),
        near=near,
        level=-0.2,
    )
    found = losses([image], threshold=0.8)
    assert found.passed == 0.5 and found.level == -0.2
    assert found.reported == (2, 1), "the first figure is reported by a rejected candidate only"
    assert found.found == (2, 0), "but another candidate near it passes"


def test_table_of_the_slides(
    fields_and_weights: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    fields, _, _, weights, *_ = fields_and_weights
    assert main([fields, "--weights", weights]) == 2
    assert "has no screen" in capsys.readouterr().err
    torch.manual_seed(0)
    folder = Path(weights)
    save_screen(ScreenNetwork(), folder / SCREEN_FILE)
    card = json.loads((folder / CARD_FILE).read_text())
    card["screen"] = {"sha256": file_sha256(folder / SCREEN_FILE), "limit": -100.0}
    (folder / CARD_FILE).write_text(json.dumps(card))
    assert main([fields, "--weights", weights]) == 0
    assert "100.0%" in capsys.readouterr().out
