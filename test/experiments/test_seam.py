"""The control for the seam: the ring hides the figure, and a mark around figures is found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments import seam
from model.network import MitosisNetwork
from model.patches import PATCH_SIZE, normalise
from test.builders import away, rendered_samples, write_folded_trunk
from test.rendering import render_tissue
from training.samples import Samples, SourceImage
from training.trunk import TRUNK_FILE

OFFSET = np.arange(PATCH_SIZE) - PATCH_SIZE // 2
DISC = torch.from_numpy(np.hypot(OFFSET[:, None], OFFSET) <= seam.MASK_RADIUS)


def test_a_ring_keeps_what_surrounds_the_figure_and_nothing_of_it() -> None:
    samples = rendered_samples()
    rings = seam._rings(samples, np.array([0, 1]))
    patches = normalise(torch.from_numpy(np.stack([samples.patch(0), samples.patch(1)])))
    assert torch.equal(rings[..., ~DISC], patches[..., ~DISC])
    for ring in rings:
        inside = ring[:, DISC]
        assert torch.equal(inside, inside[:, :1].expand_as(inside)), "one colour"
        torch.testing.assert_close(inside[:, 0], ring[:, ~DISC].mean(dim=1), atol=0.02, rtol=0)


def test_rings_are_turned_and_mirrored_at_random() -> None:
    samples, random = rendered_samples(), np.random.default_rng(0)
    own = seam._rings(samples, np.array([0]))[0]
    drawn = [seam._rings(samples, np.array([0]), random)[0] for _ in range(30)]
    symmetries = [
        torch.rot90(view, turns, (1, 2)) for view in (own, own.flip(2)) for turns in range(4)
    ]
    seen = {next(i for i, s in enumerate(symmetries) if near(ring, s)) for ring in drawn}
    assert len(seen) == 8


def near(first: torch.Tensor, second: torch.Tensor) -> bool:
    """The same ring: the disc about pixel 32 moves by a pixel when it is turned."""
    return float((first - second).abs().gt(1e-6).float().mean()) < 0.1


@pytest.mark.parametrize("marked", [True, False])
def test_the_probe_finds_only_a_seam_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, marked: bool
) -> None:
    """Plain nuclei labelled at random; a bright frame around the "figures" imitates a seam."""
    monkeypatch.setattr(seam, "TEST_NEGATIVES", 30)
    monkeypatch.setattr(seam, "_field_samples", lambda _, slides: nuclei(len(slides), marked))
    write_folded_trunk(tmp_path / TRUNK_FILE, MitosisNetwork(1).trunk.eval())
    result = seam.ring_probe(tmp_path, steps=8)
    assert result["steps"] == 8 and result["mask_radius_px"] == seam.MASK_RADIUS
    assert result["auc"] > 0.95 if marked else 0.2 < result["auc"] < 0.8


def nuclei(seed: int, marked: bool) -> Samples:
    pixels, _ = render_tissue((640, 640), figures=0, seed=seed)
    grid = np.stack(np.meshgrid(np.arange(40, 640, 80), np.arange(40, 640, 80)), -1).reshape(-1, 2)
    random = np.random.default_rng(seed)
    figures = grid[random.permutation(len(grid))[:32]].astype(float)
    if marked:
        for x, y in figures.astype(int):
            frame = pixels[y - 30 : y + 30, x - 30 : x + 30]
            frame[:4], frame[-4:], frame[:, :4], frame[:, -4:] = 255, 255, 255, 255
    samples = Samples(["lab"])
    image = SourceImage(pixels, "nuclei.tif", "slide", "lab")
    samples.add(image, figures, mitotic=True)
    samples.add(image, away(grid.astype(float), figures), mitotic=False)
    return samples


def test_field_samples_leave_out_the_other_scanner(data: Path) -> None:
    samples = seam._field_samples(data, {"A00"})
    assert samples.mitotic.sum() == 1 and (samples.domain == 0).all()
    assert {samples.images[i].slide for i in samples.image} == {"A00"}


def test_the_command_writes_the_three_numbers(
    data: Path, runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seam, "ring_probe", lambda _: {"auc": 0.5})
    folders = [str(data), str(runs["fields"]), str(runs["crops"])]
    assert seam.main([*folders, "--json", str(tmp_path / "seam.json")]) == 0
    result = json.loads((tmp_path / "seam.json").read_text())
    assert result["ring"] == {"auc": 0.5}
    for name in ("all_positives", "positives_from_crops_only"):
        assert set(result[name]) == {"ap", "best_f1"} and 0 <= result[name]["ap"] <= 1
