"""Target images of a domain: its patches as they are in training, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.patches import PATCH_SIZE, PatchCutter
from model.target import WIDE
from training.crops import CROP_SETS, add_crops
from training.montage import TILE, draw_candidates, draw_montages
from training.samples import Samples, match_borders

XR, CS2_BERLIN = "hamamatsu_xr_utrecht", "aperio_cs2_berlin"


def samples_of(data: Path, domain: str) -> Samples:
    samples = Samples([domain])
    add_crops(samples, data, CROP_SETS)
    return samples


@pytest.mark.parametrize(("domain", "figures"), [(XR, 8), (CS2_BERLIN, 4)])
def test_each_figure_is_in_one_montage(data: Path, domain: str, figures: int) -> None:
    """The joined domain has the crops of both sets."""
    montages = list(draw_montages(data, domain, share=0.001, draws=99))
    assert len(montages) == samples_of(data, domain).mitotic.sum() == figures
    first, other = montages[0], montages[1]
    assert first.mitotic.sum() == 1 and len(first.mitotic) > 5
    tiles = PatchCutter(first.pixels, TILE).cut(first.centres).numpy()
    np.testing.assert_array_equal(tiles.reshape(-1, TILE, 3), first.pixels)
    shown = [m.pixels.reshape(-1, TILE, TILE, 3)[m.mitotic][0] for m in (first, other)]
    assert not np.array_equal(*shown)
    again = next(draw_montages(data, domain, share=0.001, draws=1))
    np.testing.assert_array_equal(again.pixels, first.pixels)


@pytest.mark.parametrize("side", [PATCH_SIZE, WIDE])
def test_no_view_of_a_patch_shows_its_neighbours(data: Path, side: int) -> None:
    montage = next(draw_montages(data, XR, share=0.05, draws=1))
    samples = samples_of(data, XR)
    match_borders(samples, np.random.default_rng(0))
    patches = PatchCutter(montage.pixels, side).cut(montage.centres).numpy()
    windows = {samples.window(index, side=side).tobytes() for index in range(len(samples))}
    assert all(patch.tobytes() in windows for patch in patches)


def test_candidates_are_drawn_with_all_negatives() -> None:
    mitotic = np.arange(100) % 10 == 0
    drawn = list(draw_candidates(mitotic, share=0.03, draws=9))
    assert len(drawn) == 3, "3 figures beside 90 negatives are 0.032; ten figures give three times"
    figures = [index[mitotic[index]].tolist() for index in drawn]
    assert len({figure for image in figures for figure in image}) == 9
    for index in drawn:
        assert (~mitotic[index]).sum() == 90 and (np.diff(index) > 0).all()


def test_a_montage_has_the_share_of_figures_that_was_asked_for(data: Path) -> None:
    montage = next(draw_montages(data, XR, share=0.05, draws=1))
    assert montage.mitotic.sum() == max(round(0.05 / 0.95 * (~montage.mitotic).sum()), 1)
    assert len(montage.slides) == len(montage.mitotic) == len(montage.centres)
