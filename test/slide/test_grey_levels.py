"""A change of brightness, contrast or gamma leaves traces in the grey levels; scans have none."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageOps
import pytest

from batch.messages import MAX_CHANGED_LEVELS, appearance_notes
from slide.appearance import Appearance, measure
from slide.grey_levels import changed_levels, cut_off_shares
from slide.quality import MAX_CUT_OFF, judge
from slide.tissue import find_tissue
from test.rendering import render_tissue
from test.slide.builders import as_jpeg

DATA = os.environ.get("MITOSIS_DATA")
STRETCHED = ["contrast was stretched: colours are cut off at the dark and at the bright end"]
Change = Callable[[np.ndarray], np.ndarray]
CHANGES: dict[str, Change] = {
    "brighter": lambda pixels: np.minimum(pixels * 1.05, 255),
    "darker": lambda pixels: pixels * 0.95,
    "gamma 0.9": lambda pixels: 255 * (pixels / 255) ** 0.9,
    "gamma 1.1": lambda pixels: 255 * (pixels / 255) ** 1.1,
    "more contrast": lambda pixels: (1.1 * (pixels - 128.0) + 128).clip(0, 255),
    "posterised": lambda pixels: pixels // 8 * 8.0,
    "equalised": lambda pixels: np.asarray(PIL.ImageOps.equalize(PIL.Image.fromarray(pixels))),
}


@pytest.fixture(scope="module")
def field() -> np.ndarray:
    return render_tissue((900, 1000), figures=4, seed=8)[0]


def appearance(pixels: np.ndarray) -> Appearance:
    return measure(pixels, find_tissue(pixels, 0.25))


def stretched(pixels: np.ndarray, percent: float, of_each: bool = True) -> np.ndarray:
    """With so many pixels cut off at either end, of each channel or of their mean."""
    image = PIL.Image.fromarray(pixels)
    return np.asarray(PIL.ImageOps.autocontrast(image, percent, preserve_tone=not of_each))


def is_cut_off(pixels: np.ndarray) -> bool:
    shares = cut_off_shares([pixels])
    return any(share > limit for share, limit in zip(shares, MAX_CUT_OFF, strict=True))


def labelled(pixels: np.ndarray) -> np.ndarray:
    """With a scale bar in a white box."""
    image = PIL.Image.fromarray(pixels)
    draw = PIL.ImageDraw.Draw(image)
    draw.rectangle((600, 700, 900, 850), fill=(255, 255, 255))
    draw.text((620, 720), "50 um", fill=(0, 0, 0), font_size=40)
    draw.rectangle((620, 800, 820, 812), fill=(0, 0, 0))
    return np.asarray(image)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_curve_on_the_values(field: np.ndarray, change: Change) -> None:
    assert changed_levels([change(field).astype(np.uint8)]) > MAX_CHANGED_LEVELS


def test_what_changes_no_levels(field: np.ndarray) -> None:
    white = field.copy()
    white[:, :400] = 255
    copies = (field, field[:300, :300], field[::2, ::2], field + 5, white, labelled(field))
    for pixels in (*copies, *(as_jpeg(copy, 75) for copy in copies), as_jpeg(field, 30)):
        assert changed_levels([pixels]) < MAX_CHANGED_LEVELS
        assert not is_cut_off(pixels)


@pytest.mark.parametrize("of_each", [True, False])
@pytest.mark.parametrize("percent", [0.5, 1, 2])
def test_a_stretch_of_the_channels(field: np.ndarray, percent: float, of_each: bool) -> None:
    copy = stretched(field, percent, of_each)
    assert changed_levels([copy]) > MAX_CHANGED_LEVELS
    for pixels in (copy, as_jpeg(copy, 90)):
        assert is_cut_off(pixels)


def test_the_verdict_and_the_note(field: np.ndarray) -> None:
    assert appearance_notes(appearance(field)) == []
    (note,) = appearance_notes(appearance(CHANGES["brighter"](field).astype(np.uint8)))
    assert note.startswith("grey levels are missing or doubled: brightness, contrast or gamma was")
    assert judge(appearance(stretched(field, 0.5))) == STRETCHED


def test_without_pixels() -> None:
    assert changed_levels([]) == 0
    assert cut_off_shares([]) == (0, 0)
    assert changed_levels([np.full((40, 40, 3), 255, np.uint8)]) == 0


@pytest.mark.skipif(DATA is None, reason="MITOSIS_DATA names the folder of real tissue")
def test_real_fields() -> None:
    for file in sorted((Path(str(DATA)) / "fields_a" / "images").iterdir())[::6]:
        pixels = np.asarray(PIL.Image.open(file).convert("RGB"))[:900, :900]
        assert changed_levels([pixels]) < MAX_CHANGED_LEVELS
        assert not is_cut_off(pixels)
        copy = stretched(pixels, 0.5)
        for stored in (copy, as_jpeg(copy, 90)):
            assert is_cut_off(stored)
        for change in CHANGES.values():
            assert changed_levels([change(pixels).astype(np.uint8)]) > MAX_CHANGED_LEVELS
