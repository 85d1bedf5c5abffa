"""Cells that an image shows twice are found by their patches, and no others."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.detector import Detector
from model.repeated_cells import repeated_cells, repetition_warning

DATA = os.environ.get("MITOSIS_DATA")
FIELDS = ("fields_a/images/A00_01.jpg", "unseen_lab/images/Case_10-03.jpg")


def noise(seed: int, height: int, width: int) -> np.ndarray:
    """(height, width, 3) uint8 without any repetition."""
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.asarray(values)


def recompressed(pixels: np.ndarray) -> np.ndarray:
    """The pixels 3 % brighter and as JPEG of quality 85."""
    file = BytesIO()
    bright = np.clip(pixels * 1.03, 0, 255).astype(np.uint8)
    Image.fromarray(bright).save(file, "JPEG", quality=85)
    return np.asarray(Image.open(file))


def test_patches_that_are_copied_are_a_pair_each() -> None:
    pixels = noise(0, 200, 400)
    points = np.array([[50, 50], [150, 120], [350, 120], [250, 50]])
    assert repeated_cells(pixels, points) == 0
    pixels[:, 200:] = pixels[:, :200]
    assert repeated_cells(pixels, points) == 2


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_copies_may_be_turned_or_mirrored(turns: int, mirrored: bool) -> None:
    pixels = noise(3, 101, 202)
    copy = pixels[:, :101]
    pixels[:, 101:] = np.rot90(copy[:, ::-1] if mirrored else copy, turns)
    assert repeated_cells(pixels, np.array([[50, 50], [151, 50]])) == 1


def test_a_warning_counts_the_pairs() -> None:
    pixels = noise(1, 200, 400)
    pixels[:, 200:] = pixels[:, :200]
    (line,) = repetition_warning(pixels, np.array([[50, 50], [250, 50]]))
    assert line.startswith("1 pair of detections show")


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_points_are_no_pair(count: int) -> None:
    assert repetition_warning(noise(2, 100, 100), np.full((count, 2), 50)) == ()


def test_patches_without_any_contrast_are_no_pair() -> None:
    blank = np.full((200, 400, 3), 255, np.uint8)
    assert repeated_cells(blank, np.array([[50, 50], [250, 50]])) == 0


@pytest.mark.skipif(DATA is None, reason="needs MITOSIS_DATA")
@pytest.mark.parametrize("name", FIELDS)
def test_an_overlap_kept_twice_in_real_tissue_is_noticed(name: str) -> None:
    detector = Detector.load(adaptation="none")
    field = np.asarray(Image.open(Path(str(DATA)) / name).convert("RGB"))
    assert detector.detect(field, 0.25).warnings == ()
    width = field.shape[1] // 2
    again = recompressed(field[:, width - 200 :])
    twice = np.concatenate([field[:, :width], again], axis=1)
    assert "count twice" in " ".join(detector.detect(twice, 0.25).warnings)
