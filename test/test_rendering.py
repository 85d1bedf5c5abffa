"""The rendered tissue: the positions of its figures, and their appearance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.candidates import SETTINGS, find_candidates
from slide.read import read_image
from test.make_rendered_image import MPP, SAMPLE, render_sample
from test.rendering import FIGURE_MARGIN, PINK, PURPLE, Look, render_tissue
from training.tiff import write_tiff


def darkness_around(pixels: np.ndarray, centre: np.ndarray, radius: int) -> np.ndarray:
    """Optical density, averaged over channels, of each pixel within `radius` px of `centre`."""
    x, y = centre.round().astype(int)
    window = pixels[y - radius : y + radius + 1, x - radius : x + radius + 1].astype(float)
    return -np.log((window + 1) / 256).mean(axis=-1)


@pytest.mark.parametrize("look", [PURPLE, PINK], ids=["purple", "pink"])
def test_figures_are_the_darkest_things(look: Look) -> None:
    pixels, centres = render_tissue((500, 640), figures=5, seed=3, look=look)
    assert pixels.shape == (500, 640, 3) and pixels.dtype == np.uint8
    assert centres.shape == (5, 2)
    dark = np.percentile(-np.log((pixels + 1.0) / 256).mean(axis=-1), 95)
    for centre in centres:
        density = darkness_around(pixels, centre, radius=24)
        assert 100 < (density > 1.15 * dark).sum() < 1500  # 6 to 90 µm² of chromosomes
        rows, columns = np.nonzero(density > 1.15 * dark)
        assert np.hypot(rows.mean() - 24, columns.mean() - 24) < 4  # 1 µm


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("look", [PURPLE, PINK], ids=["purple", "pink"])
def test_candidates_hold_every_figure_and_many_nuclei(look: Look, settings: str) -> None:
    pixels, centres = render_tissue((800, 800), figures=8, seed=11, look=look)
    candidates = find_candidates(pixels, SETTINGS[settings])
    distances = np.hypot(*(centres[:, None] - candidates[None]).transpose(2, 0, 1))
    assert distances.min(axis=1).max() <= 7.5 / 0.25
    assert len(candidates) > 5 * len(centres)


def test_the_same_arguments_give_the_same_image() -> None:
    first, second, other = (render_tissue((120, 160), 1, seed=seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert (first[0] != other[0]).any()


def test_figures_keep_off_the_border_and_each_other() -> None:
    _, centres = render_tissue((600, 800), figures=12, seed=0)
    margin = FIGURE_MARGIN / 0.25
    assert (centres >= margin).all() and (centres <= np.array([800, 600]) - margin).all()
    distances = np.hypot(*(centres[:, None] - centres[None]).transpose(2, 0, 1))
    assert (distances[~np.eye(12, dtype=bool)] > 2 * margin).all()


def test_figures_at_given_places() -> None:
    places = np.array([[60.0, 50.0], [10.0, 95.0]])  # the second is at the border
    pixels, centres = render_tissue((100, 120), figures=places, seed=1)
    np.testing.assert_allclose(centres, places)
    assert darkness_around(pixels, centres[0], 6).max() > 1.4


def test_too_many_figures_are_an_error() -> None:
    with pytest.raises(ValueError, match="no room for 50 figures"):
        render_tissue((200, 200), figures=50)
    with pytest.raises(ValueError, match="no room for 1 figures"):
        render_tissue((64, 64), figures=1)


def test_pixel_size_changes_the_scale_of_things() -> None:
    area = []
    for mpp, radius in ((0.25, 30), (0.5, 15)):
        size = round(250 / mpp), round(250 / mpp)
        pixels, centres = render_tissue(size, figures=12, seed=2, mpp=mpp)
        area.append(sum((darkness_around(pixels, c, radius) > 1.05).sum() for c in centres))
    assert 3 < area[0] / area[1] < 5.5  # four times as many px


def test_looks_differ_and_strength_counts() -> None:
    means = [
        render_tissue((200, 200), 0, look=look)[0].mean(axis=(0, 1))
        for look in (PURPLE, PINK, replace(PURPLE, strength=(0.3, 0.3)))
    ]
    assert np.abs(means[0] - means[1]).max() > 8
    assert (means[2] > means[0] + 15).all()


@pytest.mark.parametrize("mpp", [0.25, 0.2456, (0.23, 0.46)])
def test_written_tiff_reads_back(tmp_path: Path, mpp: float | tuple[float, float]) -> None:
    pixels, _ = render_tissue((80, 120), 0)
    write_tiff(tmp_path / "image.tiff", pixels, mpp, tile=(32, 32), compression="zlib")
    image = read_image(tmp_path / "image.tiff")
    np.testing.assert_array_equal(image.pixels, pixels)
    np.testing.assert_allclose(image.mpp, np.broadcast_to(mpp, 2), rtol=1e-6)


def test_the_committed_sample_is_what_the_script_writes() -> None:
    assert SAMPLE.stat().st_size <= 3 * 2**20
    image, (pixels, _) = read_image(SAMPLE), render_sample()
    np.testing.assert_allclose(image.mpp, (MPP, MPP))
    assert image.pixels.shape == pixels.shape
    difference = np.abs(image.pixels.astype(int) - pixels)
    assert difference.max() <= 1 and difference.mean() < 0.001  # rounding on another processor
