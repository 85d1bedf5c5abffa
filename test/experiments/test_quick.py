"""The quick check of the ablation: what it runs, what it complains of, real tissue.

With MITOSIS_DATA the shipped weights adapt to one small piece of each of three slides: every quick
arm runs, and the default is not worse than no adaptation. experiments/LOG.md has what adapting
gives on whole fields.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from experiments.ablation import main
from experiments.arm_scores import summarise
from experiments.cases import find_cases
from experiments.quick import ARMS, TOLERANCE, complaints
from experiments.results import RESULTS_FILE
from model.adaptation.registry import DEFAULT_ADAPTATION
from model.weights import CARD_FILE
from test.experiments.test_arm_scores import annotated, row
from training.icpr_2012 import FIELD_MPP, PARIS, field_figures, field_images
from training.tiff import write_tiff

SIDE = 1000  # px of a piece


def test_complains_where_the_default_is_worse() -> None:
    truth = {"a": annotated("a", "A")}

    def found(probabilities: list[float]) -> list[str]:
        rows = [row("a", "none", [0.9, 0.8, 0.3]), row("a", DEFAULT_ADAPTATION, probabilities)]
        return complaints(summarise(rows, truth, threshold=0.5))

    assert found([0.9, 0.8, 0.4]) == []
    assert found([0.9, 0.4, 0.3]) == [f"{DEFAULT_ADAPTATION} loses 0.333 in F1 to no adaptation"], (
        "one of two figures is missed: F1 2/3"
    )
    assert len(found([0.7, 0.6, 0.9])) == 2
    assert 0 < TOLERANCE < 0.333


@pytest.mark.parametrize(
    ("reference", "half_trusted", "status"),
    [(0.0, 1e9, 0), (-60.0, 1.0, 1)],
    ids=["calibration without effect", "calibration that lowers every score to 0"],
)
def test_quick_runs_a_field_with_figures_of_each_slide_and_fails_if_the_default_loses(
    fields_and_weights: list[str], reference: float, half_trusted: float, status: int
) -> None:
    """Only the second of two fields has a figure, and every candidate is above the threshold."""
    folder, weights = Path(fields_and_weights[0]), Path(fields_and_weights[3])
    truth = json.loads((folder / "ground_truth.json").read_text())
    truth["annotations"] = [a for a in truth["annotations"] if a["image_id"] == 2]
    (folder / "ground_truth.json").write_text(json.dumps(truth))
    card = json.loads((weights / CARD_FILE).read_text())
    card["threshold"] = 0.01
    card["calibration"] = {"reference": reference, "half_trusted": half_trusted}
    (weights / CARD_FILE).write_text(json.dumps(card))
    assert main([*fields_and_weights, "--quick"]) == status
    lines = (Path(fields_and_weights[1]) / RESULTS_FILE).read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [(r["image"], r["arm"]) for r in rows] == [("f2", arm) for arm in ARMS]
    assert {r["schedule"] for r in rows} == {"short"}
    assert len(find_cases(folder)) == 2


@pytest.mark.skipif("MITOSIS_DATA" not in os.environ, reason="MITOSIS_DATA is not set")
def test_shipped_weights_on_real_tissue(tmp_path: Path) -> None:
    write_pieces(Path(os.environ["MITOSIS_DATA"]), tmp_path / "fields")
    assert main([str(tmp_path / "fields"), str(tmp_path / "out"), "--quick"]) == 0
    lines = (tmp_path / "out" / RESULTS_FILE).read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == 3 * len(ARMS)
    for found in rows:
        assert np.isfinite(found["probabilities"]).all()


def write_pieces(data: Path, folder: Path) -> None:
    """Of each slide the square of SIDE px around a figure of its first field with one."""
    figures = field_figures(data, "fields_a")
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    folder.mkdir()
    for slide in ("A00", "A01", "A02"):
        field = next(i for i in field_images(data, "fields_a", {slide}) if i.file in figures)
        height, width = field.pixels.shape[:2]
        most = [width - SIDE, height - SIDE]
        corner = np.clip(figures[field.file][0] - SIDE / 2, 0, most).astype(int)
        x, y = (int(value) for value in corner)
        piece = np.ascontiguousarray(field.pixels[y : y + SIDE, x : x + SIDE])
        write_tiff(folder / f"{slide}.tif", piece, FIELD_MPP[PARIS])
        images.append(
            {
                "id": len(images) + 1,
                "file_name": f"{slide}.tif",
                "width": SIDE,
                "height": SIDE,
                "slide": slide,
                "mpp": FIELD_MPP[PARIS],
            }
        )
        for here in figures[field.file] - corner:
            if (here >= 0).all() and (here < SIDE).all():
                box = [*(here - 25).tolist(), *(here + 25).tolist()]
                annotations.append({"image_id": len(images), "bbox": box, "category_id": 1})
    content = {"images": images, "annotations": annotations}
    (folder / "ground_truth.json").write_text(json.dumps(content))
