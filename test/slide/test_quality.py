"""The verdict: real and rendered tissue is usable, and each kind of degraded copy is noticed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from scipy.ndimage import gaussian_filter, uniform_filter1d

from experiments.image_limits import SETS, brown, with_rows_of
from slide.appearance import Appearance, measure
from slide.polygon import Polygon
from slide.quality import judge
from slide.regions_of_interest import Regions
from slide.tissue import find_tissue
from test.rendering import PINK, PURPLE, Look, render_tissue
from test.slide.test_tissue import GREEN, glass

DATA = os.environ.get("MITOSIS_DATA")
NOT_H_AND_E = ["probably not H&E: its colours are not those of haematoxylin and eosin"]
TINY = ["regions of about 0.001 mm² or less: too small to judge, or not in px of the full image"]
LITTLE = ["less than 0.001 mm² of tissue: too small to judge"]
NO_TISSUE = ["no tissue found: only glass, black or debris"]
BLURRED = ["out of focus, or enlarged from a lower magnification"]
SMALL = ["nuclei look too small for the stated pixel size, or broken up by compression or scaling"]
TORN = ["rows do not continue each other: wrong width and height, or blurred by movement"]
FADED = ["without dark nuclei: faded, overexposed or hardly any cells"]
LOW_CONTRAST = ["low contrast: faded, hazy, underexposed or hardly any cells"]
MOVED = ["blurred in one direction, as by movement"]
CLIPPED = ["overexposed: much of the tissue has a colour channel at its brightest"]
EXCHANGED = ["bluer than H&E: red and blue may be exchanged"]
TAKEN_FOR_RGB = ["channels do not vary together: YCbCr or HSV taken for RGB, or out of register"]
LINED = ["dark lines cross the tissue, as of a counting grid: focus and nuclei cannot be judged"]
UNEVEN = ["uneven light: one side, the corners or the middle are darker"]
LARGE = ["nuclei look too large for the stated pixel size"]


@pytest.fixture(scope="module")
def field() -> np.ndarray:
    return render_tissue((900, 1000), figures=4, seed=8)[0]


def verdict(pixels: np.ndarray, mpp: float = 0.25) -> list[str]:
    return judge(measure(pixels, find_tissue(pixels, mpp)))


@pytest.mark.parametrize("look", [PURPLE, PINK], ids=["purple", "pink"])
@pytest.mark.parametrize("size", [(600, 800), (560, 560), (120, 100), (16, 16)])
def test_rendered_tissue_is_usable(size: tuple[int, int], look: Look) -> None:
    expected = LITTLE if size[0] * size[1] * 0.25**2 < 1000 else []
    assert verdict(render_tissue(size, figures=0, seed=2, look=look)[0]) == expected


@pytest.mark.parametrize("side", [1, 10])
def test_smaller_than_a_nucleus(field: np.ndarray, side: int) -> None:
    assert verdict(field[:side, :side]) == ["smaller than a nucleus: too small to judge"]


def test_one_even_colour() -> None:
    assert verdict(np.full((400, 400, 3), (220, 150, 190), np.uint8)) == FADED


def test_tissue_on_a_lot_of_glass_is_usable(field: np.ndarray) -> None:
    pixels = glass((2000, 3000), 242, 2)
    pixels[1001:1901, 1300:2300] = field
    appearance = measure(pixels, find_tissue(pixels, 0.25))
    assert judge(appearance) == []
    assert appearance.share == pytest.approx(0.15, rel=0.05)
    assert appearance.area_mm2 == pytest.approx(0.9 * 0.25**2, rel=0.05)


def test_colours_that_are_not_h_and_e(field: np.ndarray) -> None:
    grey = np.repeat(np.asarray(PIL.Image.fromarray(field).convert("L"))[..., None], 3, axis=-1)
    for pixels in (grey, 255 - field, brown(field)):
        assert verdict(pixels) == NOT_H_AND_E


def test_red_and_blue_exchanged() -> None:
    """As OpenCV stores an RGB array. Of purple stains nothing shows it."""
    pixels = render_tissue((600, 800), figures=0, seed=2, look=PINK)[0].astype(np.int16)
    pixels[..., 0] = np.minimum(pixels[..., 0] + 20, 255)
    assert verdict(pixels.astype(np.uint8)) == []
    assert verdict(pixels[..., ::-1].astype(np.uint8)) == EXCHANGED


def test_ycbcr_taken_for_rgb(field: np.ndarray) -> None:
    """As of JPEG 2000 without a word on its colours; real chroma has little noise."""
    ycbcr = np.array(PIL.Image.fromarray(gaussian_filter(field, (1, 1, 0))).convert("YCbCr"))
    ycbcr[..., 0] = PIL.Image.fromarray(field).convert("L")
    assert verdict(ycbcr) == TAKEN_FOR_RGB


@pytest.mark.parametrize("size", [(900, 1000), (300, 320)])
@pytest.mark.parametrize("look", [PURPLE, PINK], ids=["purple", "pink"])
def test_hsv_taken_for_rgb(size: tuple[int, int], look: Look) -> None:
    """As Pillow stores it; OpenCV divides the hue by two degrees."""
    rendered = render_tissue(size, figures=0, seed=2, look=look)[0]
    hsv = np.array(PIL.Image.fromarray(rendered).convert("HSV"))
    of_opencv = np.dstack([hsv[..., 0] * (180 / 256), hsv[..., 1:]]).astype(np.uint8)
    for pixels in (hsv, of_opencv, hsv[..., ::-1]):
        assert verdict(pixels) in (TAKEN_FOR_RGB, NOT_H_AND_E)


def test_noise_of_a_sensor_is_no_other_colour(field: np.ndarray) -> None:
    noise = np.random.default_rng(0).normal(0, 5, field.shape)
    assert verdict((field + noise).clip(0, 255).astype(np.uint8)) != TAKEN_FOR_RGB


def test_contrast_of_a_half(field: np.ndarray) -> None:
    assert verdict(128 + field // 2) == FADED


def test_no_tissue() -> None:
    pixels = glass((800, 900), 240, 3)
    assert verdict(pixels) == NO_TISSUE
    pixels[:, :150] = 0
    pixels[700:730, 400:430] = (90, 80, 85)
    assert verdict(pixels) == NO_TISSUE


def test_regions_too_small_to_judge(field: np.ndarray) -> None:
    for side, reasons in ((100, TINY), (500, [])):
        ring = np.array([[50, 50], [50 + side, 50], [50 + side, 50 + side], [50, 50 + side]], float)
        inside = find_tissue(field, 0.25).within(Regions((Polygon((ring,)),), ""))
        assert judge(measure(field, inside)) == reasons


def test_a_pen_mark_beside_tissue_is_no_reason(field: np.ndarray) -> None:
    pixels = np.concatenate([field, glass((900, 300), 240, 2)], axis=1)
    pixels[:, 1100:1180] = GREEN
    assert verdict(pixels) == []


@pytest.mark.parametrize("width", [999, 1001, 1010, 900, 750, 333])
def test_rows_of_a_wrong_width(field: np.ndarray, width: int) -> None:
    """As of a file whose width is wrong, or exchanged with its height."""
    assert verdict(with_rows_of(field, width)) == TORN


@pytest.mark.parametrize("sigma", [2, 4, 6])
def test_blur(field: np.ndarray, sigma: float) -> None:
    assert verdict(gaussian_filter(field, (sigma, sigma, 0))) == BLURRED


@pytest.mark.parametrize("axis", [0, 1])
def test_movement(field: np.ndarray, axis: int) -> None:
    for length in (11, 15):
        assert verdict(uniform_filter1d(field, length, axis=axis)) in (MOVED, TORN)


@pytest.mark.parametrize("offset", [0, 70, 128])
def test_low_contrast(field: np.ndarray, offset: int) -> None:
    assert verdict((offset + 0.45 * field).astype(np.uint8)) in (LOW_CONTRAST, FADED)


def test_uneven_light(field: np.ndarray) -> None:
    light = np.linspace(1, 0.6, field.shape[1])[:, None]
    assert verdict((field * light).astype(np.uint8)) == UNEVEN


@pytest.mark.skipif(DATA is None, reason="MITOSIS_DATA names the folder of real tissue")
def test_copies_of_real_fields() -> None:
    for file in sorted((Path(str(DATA)) / "fields_a" / "images").iterdir())[::6]:
        pixels = np.asarray(PIL.Image.open(file).convert("RGB"))[:1000, :1000]
        assert verdict(uniform_filter1d(pixels, 11, axis=1)) in (MOVED, TORN)
        assert verdict(uniform_filter1d(pixels, 11, axis=0)) == MOVED
        assert verdict(pixels // 2) == LOW_CONTRAST
        assert verdict((51 + 0.8 * pixels).astype(np.uint8)) == LOW_CONTRAST
        assert verdict((70 + 0.45 * pixels).astype(np.uint8)) == LOW_CONTRAST


def test_a_blurred_copy_is_less_sharp(field: np.ndarray) -> None:
    sharpness = [
        measure(copy, find_tissue(copy, 0.25)).sharpness or 0
        for copy in (field, gaussian_filter(field, (1, 1, 0)), gaussian_filter(field, (2, 2, 0)))
    ]
    assert sharpness[0] > 1.1 * sharpness[1] > 1.2 * sharpness[2]


@pytest.mark.parametrize(("factor", "expected"), [(0.5, [SMALL]), (2.0, [LARGE, BLURRED])])
def test_wrong_pixel_size(field: np.ndarray, factor: float, expected: list[list[str]]) -> None:
    size = round(field.shape[1] * factor), round(field.shape[0] * factor)
    copy = PIL.Image.fromarray(field).resize(size, PIL.Image.Resampling.BICUBIC)
    assert verdict(np.asarray(copy)) in expected
    right = measure(np.asarray(copy), find_tissue(np.asarray(copy), 0.25 / factor))
    assert right.area_mm2 == pytest.approx(0.9 * 0.25**2, rel=0.02)


def test_limits_of_the_verdict() -> None:
    usual = Appearance(0.2, 0.9, 0.98, 1.9, 2.7, 6500.0, False)
    assert judge(usual) == [] and usual.smallness == 0 and usual.largeness == 0
    changes: dict[str, dict[str, Any]] = {
        "h_and_e": {"h_and_e_share": 0.4},
        "displaced": {"row_gain": 1.2},
        "uneven": {"evenness": 0.7},
        "faded": {"darkest": 160.0},
        "clipped": {"clipped": 0.2},
        "flat": {"brightness_range": 100.0},
        "hazy": {"deepest": 60.0},
        "hazy, of little tissue": {"deepest": 60.0, "area_mm2": 0.03},
        "moved": {"sharpness_along": (1.6, 1.2)},
        "blurred alike": {"sharpness_along": (1.3, 1.2)},
        "torn": {"row_step": 3.0},
        "blurred": {"sharpness": 1.3},
        "coarse": {"fineness": -0.92},
        "fine": {"fineness": -0.4},
        "small": {"nuclear_radius_um": 1.35, "nuclei_per_mm2": 15000.0},
        "large": {"nuclear_radius_um": 5.4, "sharpness": 1.5},
        "small, of little tissue": {
            "nuclear_radius_um": 1.35,
            "nuclei_per_mm2": 15000.0,
            "area_mm2": 0.01,
        },
        "large, of little tissue": {
            "nuclear_radius_um": 5.4,
            "sharpness": 1.5,
            "area_mm2": 0.025,
        },
        "little tissue": {"area_mm2": 0.0009},
        "little tissue of a large image": {"area_mm2": 0.0009, "share": 0.4},
        "little, not H&E": {"area_mm2": 0.0009, "h_and_e_share": 0.4},
        "lines alone": {"lined": True},
        "lines and size": {"lined": True, "nuclear_radius_um": 25.0},
        "lines and focus": {"lined": True, "sharpness": 1.3},
        "unknown": {"nuclear_radius_um": None, "nuclei_per_mm2": None, "sharpness": None},
    }
    found = {name: judge(usual._replace(**change)) for name, change in changes.items()}
    assert found == {
        "h_and_e": NOT_H_AND_E, "displaced": TORN, "uneven": UNEVEN, "torn": TORN, "faded": FADED,
            "blurred": BLURRED,
        "clipped": CLIPPED, "flat": LOW_CONTRAST,
            "hazy": LOW_CONTRAST, "hazy, of little tissue": [], "moved": MOVED, "blurred alike": [],
        "coarse": BLURRED, "fine": SMALL, "small": SMALL, "large": LARGE, "unknown": [],
        "lines alone": [], "lines and size": LINED, "lines and focus": LINED,
        "little tissue": LITTLE, "little tissue of a large image": NO_TISSUE,
        "little, not H&E": NOT_H_AND_E,
        "small, of little tissue": [], "large, of little tissue": [],
    }  # fmt: skip


@pytest.mark.skipif(DATA is None, reason="MITOSIS_DATA names the folder of real tissue")
@pytest.mark.parametrize("name", SETS)
def test_at_most_one_false_alarm_on_real_fields(name: str) -> None:
    """The one has the smallest nuclei of all."""
    files = sorted((Path(str(DATA)) / name / "images").iterdir())
    assert len(files) >= 2
    warned = [
        reasons
        for file in files
        if (reasons := verdict(np.asarray(PIL.Image.open(file).convert("RGB"))))
    ]
    assert warned == ([SMALL] if name == "fields_tcga" else [])


@pytest.mark.skipif(DATA is None, reason="MITOSIS_DATA names the folder of real tissue")
@pytest.mark.parametrize("width", [280, 480, 1000])
def test_pieces_of_a_field_are_not_warned_about(width: int) -> None:
    """Of 0.004, 0.012 and 0.05 mm²."""
    height = width * 6 // 7
    for file in sorted((Path(str(DATA)) / "fields_a" / "images").iterdir())[::3]:
        pixels = np.asarray(PIL.Image.open(file).convert("RGB"))
        assert verdict(np.ascontiguousarray(pixels[200 : 200 + height, 300 : 300 + width])) == []
        assert verdict(np.ascontiguousarray(pixels[-height:, -width:])) == []
