"""Rendered fields with annotations, weights and bank, for the commands of experiments/."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from test.model.builders import tiny_bank, tiny_network, write_bank, write_weights
from test.rendering import render_tissue
from test.training.conftest import data, runs
from training.tiff import write_tiff

__all__ = ["data", "fields_and_weights", "runs"]


@pytest.fixture
def fields_and_weights(tmp_path: Path) -> list[str]:
    """Two fields of one slide, a folder for results, weights, bank: an experiment's arguments."""
    images, annotations = [], []
    for number in (1, 2):
        pixels, figures = render_tissue((150, 160), figures=1, seed=number)
        (tmp_path / "fields" / "S").mkdir(parents=True, exist_ok=True)
        write_tiff(tmp_path / "fields" / "S" / f"f{number}.tif", pixels, 0.25)
        images.append(
            {"id": number, "file_name": f"f{number}.tif", "width": 160, "height": 150, "slide": "S"}
        )
        annotations += [
            {
                "image_id": number,
                "category_id": 1,
                "bbox": [x - 5, y - 5, x + 5, y + 5],
                "area": 100,
            }
            for x, y in np.asarray(figures, float)
        ]
    truth = {"images": images, "annotations": annotations}
    (tmp_path / "fields" / "ground_truth.json").write_text(json.dumps(truth))
    network = tiny_network()
    sha256 = write_weights(tmp_path / "weights", network)
    write_bank(tmp_path / "bank", tiny_bank(network, sha256=sha256))
    folders = ["--weights", str(tmp_path / "weights"), "--source-bank", str(tmp_path / "bank")]
    return [str(tmp_path / "fields"), str(tmp_path / "out"), *folders]
