"""Leave-one-domain-out on rendered crops: what a network may see, the target images, the scores."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from model.patches import PATCH_SIZE, PatchCutter
from model.target import WIDE
from training import domain_folds, train
from training.ami_br import CROP_DOMAINS, add_crops
from training.domain_folds import RECIPE, TILE, Montage, by_slide, draw_montages, main
from training.samples import Samples, match_borders
from training.select_bank import Selection
from training.source import Recipe
from training.train import read_preset
from training.virtual_scanners import AS_IT_IS

XR, S360 = "hamamatsu_xr_utrecht", "hamamatsu_s360_utrecht"
TINY = """
whole_fields = false
[recipe]
steps = 2
warm_up = 1
averaging = 0.5
[recipe.mixture]
size = 20
"""


def test_the_recipe_is_one_of_twenty_minutes() -> None:
    recipe = Recipe.from_dict(read_preset(str(RECIPE))["recipe"])
    patches = recipe.steps * recipe.mixture.size
    assert patches / (20 * 60) < 145, "patches/s of two cores in full precision"


def test_montage_holds_the_patches_of_the_training(data: Path) -> None:
    montages = list(draw_montages(data, XR, share=0.05, draws=9))
    samples = Samples([XR])
    add_crops(samples, data)
    assert len(montages) == samples.mitotic.sum() == 4, "one figure each, in turn"
    first, other = montages[0], montages[1]
    assert first.mitotic.sum() == 1 and len(first.mitotic) > 5
    tiles = PatchCutter(first.pixels, TILE).cut(first.centres).numpy()
    np.testing.assert_array_equal(tiles.reshape(-1, TILE, 3), first.pixels)
    figures = [m.pixels.reshape(-1, TILE, TILE, 3)[m.mitotic][0] for m in (first, other)]
    assert not np.array_equal(*figures)
    again = next(draw_montages(data, XR, share=0.05, draws=1))
    np.testing.assert_array_equal(again.pixels, first.pixels)


@pytest.mark.parametrize("side", [PATCH_SIZE, WIDE])
def test_no_view_of_a_patch_shows_its_neighbours(data: Path, side: int) -> None:
    montage = next(draw_montages(data, XR, share=0.05, draws=1))
    samples = Samples([XR])
    add_crops(samples, data)
    match_borders(samples, np.random.default_rng(0))
    patches = PatchCutter(montage.pixels, side).cut(montage.centres).numpy()
    windows = [samples.window(index, side=side).tobytes() for index in range(len(samples))]
    found = [windows.index(patch.tobytes()) for patch in patches]
    assert found == sorted(found)
    np.testing.assert_array_equal(samples.mitotic[found], montage.mitotic)


def test_scores_are_split_by_slide() -> None:
    montage = Montage(
        "d/0", "d", np.zeros((4 * TILE, TILE, 3), np.uint8),
        np.array([True, False, True, False]), np.array(["s", "s", "t", "t"]),
    )  # fmt: skip
    found = {
        "image": "d/0", "arm": "none", "seed": 0, "schedule": "short",
        "points": [[42.0, 42.0], [42.0, 3 * TILE + 42.0]], "probabilities": [0.9, 0.4],
        "seconds": {"adaptation": 0.0}, "adaptation": {"fallback": None},
    }  # fmt: skip
    rows, truth = by_slide([found], [montage])
    assert {r["image"]: r["probabilities"] for r in rows} == {"d/0/s": [0.9], "d/0/t": [0.4]}
    assert {r["scanner"] for r in rows} == {AS_IT_IS}
    assert truth["d/0/t"].figures.tolist() == [[42.0, 2 * TILE + 42.0]]
    assert {t.tissue for t in truth.values()} == {"d"} and truth["d/0/s"].slide == "s"


def test_command_trains_adapts_and_resumes(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    small = Selection(negatives=3, reserve=2, check=0.5, confidence=0.0)
    monkeypatch.setattr(domain_folds, "Selection", Mock(negatives=3, return_value=small))
    preset = tmp_path / "tiny.toml"
    preset.write_text(TINY)
    arguments = [
        *(str(data), str(tmp_path / "runs"), str(tmp_path / "out")),
        *("--domains", XR, S360, "--arms", "none", "coral-calibrated", "--schedule", "short"),
        *("--share", "0.05", "--draws", "1", "--negatives", "3", "--preset", str(preset)),
    ]
    assert main(arguments) == 0
    for out in (XR, S360):
        _, told = train.load_run(tmp_path / "runs" / f"no_{out}")
        assert told["left_out_domain"] == out
        assert told["domains"] == [d for d in CROP_DOMAINS.values() if d != out]
    results = tmp_path / "out" / "results.jsonl"
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    assert [(row["image"], row["arm"]) for row in rows] == [
        (f"{domain}/0", arm) for domain in (XR, S360) for arm in ("none", "coral-calibrated")
    ]
    table = capsys.readouterr().out
    assert all(f"| {group} | none |" in table for group in (XR, S360, "all"))
    monkeypatch.setattr(train, "main", lambda _: pytest.fail("trained again"))
    monkeypatch.setattr(domain_folds, "load_fold", lambda *_, **__: pytest.fail("adapted again"))
    assert main(arguments) == 0
    assert main([*arguments, "--share", "0.1"]) == 2, "another folder for another share"
