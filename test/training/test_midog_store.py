"""Stored pixels and candidates, and the samples made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.candidates import SETTINGS, find_candidates
from slide.read import read_image
from test.rendering import render_tissue
from test.training.midog_folder import Midog, Tissue, rendered_midog, write_midog
from training.midog import MidogImage, read_midog
from training.midog_store import collect_samples, store_images, within


@pytest.fixture(scope="module")
def midog(tmp_path_factory: pytest.TempPathFactory) -> Midog:
    return rendered_midog(tmp_path_factory.mktemp("midog") / "data")


def images_of(midog: Midog) -> list[MidogImage]:
    return read_midog(midog.images, midog.annotations)[:2]


def test_the_store_has_the_pixels_and_the_candidates_of_the_detector(
    midog: Midog, tmp_path: Path
) -> None:
    for stored in store_images(images_of(midog), tmp_path, "paper"):
        assert isinstance(stored.pixels, np.memmap)
        pixels = read_image(stored.annotated.path).pixels
        np.testing.assert_array_equal(stored.pixels, pixels)
        expected = find_candidates(pixels, SETTINGS["paper"])
        np.testing.assert_array_equal(stored.candidates, expected)
        assert stored.mpp == pytest.approx((0.25, 0.25))


def test_what_is_stored_is_not_made_again(midog: Midog, tmp_path: Path) -> None:
    def stamps() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}

    store_images(images_of(midog), tmp_path, "paper")
    before = stamps()
    store_images(images_of(midog), tmp_path, "paper")
    assert stamps() == before and len(before) == 4
    store_images(images_of(midog), tmp_path, "default")
    assert stamps().items() > before.items() and len(stamps()) == 6, "the pixels serve both"
    images_of(midog)[0].path.touch()
    store_images(images_of(midog), tmp_path, "paper")
    changed = {name[:3] for name, stamp in stamps().items() if stamp != before.get(name, stamp)}
    assert changed == {"001"}


def test_another_pixel_size_is_brought_to_the_training_s(tmp_path: Path) -> None:
    """At 0.5 µm the store has twice the pixels, and the annotations move with them."""
    centres = np.array([[40.0, 50.0]])
    pixels, _ = render_tissue((100, 120), centres, seed=3, mpp=0.5)
    midog = write_midog(tmp_path / "d", [Tissue(1, pixels, centres, centres[:0])], mpp=0.5)
    (stored,) = store_images(read_midog(midog.images, midog.annotations), tmp_path / "s", "paper")
    assert stored.pixels.shape == (200, 240, 3) and stored.mpp == pytest.approx((0.25, 0.25))
    np.testing.assert_allclose(stored.place(centres), [[80.5, 100.5]])


def test_within_is_7_5_micrometres() -> None:
    centres = np.array([[0.0, 0], [29.9, 0], [30.1, 0], [0, 25.1], [0, 24.9]])
    near = within(centres, np.array([[0.0, 0.0]]), (0.25, 0.3))
    assert near.tolist() == [True, True, False, False, True]
    assert not within(centres, np.zeros((0, 2)), (0.25, 0.25)).any()


def test_samples_of_both_kinds(midog: Midog, tmp_path: Path) -> None:
    stored = store_images(images_of(midog), tmp_path, "default")
    paper = collect_samples(stored, ["hamamatsu_xr_utrecht"], "candidates")
    assert len(paper) == sum(len(s.candidates) for s in stored) and not paper.hard.any()
    brute = [
        any(np.hypot(*(figure - centre)) * 0.25 <= 7.5 for figure in s.annotated.figures)
        for s in stored
        for centre in s.candidates
    ]
    assert paper.mitotic.sum() == sum(brute) > 0
    ours = collect_samples(stored, ["hamamatsu_xr_utrecht"], "figures")
    assert ours.mitotic.sum() == 6 and ours.hard.sum() == 2
    assert not (ours.mitotic & ours.hard).any() and (ours.domain == 0).all()
