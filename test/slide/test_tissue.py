"""The tissue map: glass, fat, black, pen and debris; pale and blurred tissue is tissue."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from slide.polygon import Polygon
from slide.regions_of_interest import Regions
from slide.tissue import CELL_UM, Kind, TissueMap, find_tissue, reduce
from test.rendering import PINK, PURPLE, Look, render_tissue

MPP = 0.25
GREEN, BLUE, RED, YELLOW = (20, 140, 60), (30, 60, 200), (230, 20, 30), (250, 240, 40)


def glass(
    size: tuple[int, int], level: float, noise: float = 0.0, tint: tuple[int, int, int] = (0, 0, 0)
) -> np.ndarray:
    """(height, width, 3) uint8 of empty glass."""
    values = np.random.default_rng(5).normal(level, noise, (*size, 3)) + tint
    return np.clip(values, 0, 255).round().astype(np.uint8)


def field(size: tuple[int, int] = (480, 640), look: Look = PURPLE) -> np.ndarray:
    return render_tissue(size, figures=2, seed=6, look=look)[0]


def kinds(pixels: np.ndarray) -> TissueMap:
    return find_tissue(pixels, MPP)


@pytest.mark.parametrize("factor", [1, 2, 7, 15, 16, 17, 18, 19, 32])
@pytest.mark.parametrize("squares", [(3, 4), (700, 20)], ids=["one stripe", "many"])
def test_squares_are_reduced_to_their_colours(factor: int, squares: tuple[int, int]) -> None:
    """Whatever their side, and where the image's border cuts them: 17 px at 0.23 µm per pixel."""
    random = np.random.default_rng(3)
    colours = random.integers(0, 256, (*squares, 3), np.uint8)
    pixels = colours.repeat(factor, axis=0).repeat(factor, axis=1)
    for cut in {0, factor // 2}:
        seen = pixels[: len(pixels) - cut, : pixels.shape[1] - cut]
        np.testing.assert_array_equal(reduce(seen, factor), colours)


@pytest.mark.parametrize("look", [PURPLE, PINK], ids=["purple", "pink"])
def test_a_field_of_tissue_is_tissue(look: Look) -> None:
    found = kinds(field(look=look))
    assert found.kinds.shape == (30, 40) and found.cell_mpp == CELL_UM
    assert found.tissue.mean() > 0.97 and not found.excluded.any()


@pytest.mark.parametrize("tint", [(0, 0, 0), (-6, 0, 6), (6, 3, -6)])
@pytest.mark.parametrize("noise", [0.0, 2.0, 4.0])
@pytest.mark.parametrize("level", [180, 215, 243, 255])
def test_glass_of_any_grey(level: float, noise: float, tint: tuple[int, int, int]) -> None:
    tissue = field((320, 320))
    pixels = np.concatenate([glass((320, 330), level, noise, tint), tissue], axis=1)
    found = kinds(pixels)
    assert (found.kinds[:, :20] == Kind.GLASS).all()
    assert found.tissue[:, 21:].mean() > 0.97
    assert not found.excluded.any()


@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_glass_alone_has_no_tissue(noise: float) -> None:
    pixels = glass((500, 700), 240, noise)
    pixels[100:130, 200:240] = (90, 80, 85)  # debris
    pixels[300:309, 400:408] = (120, 60, 90)
    found = kinds(pixels)
    assert not found.tissue.any() and found.area_mm2 == 0


@pytest.mark.parametrize("width", [17, 31, 48])
def test_a_narrow_strip_of_glass_along_a_side(width: int) -> None:
    pixels = np.concatenate([glass((320, width), 240, 2), field((320, 320))], axis=1)
    found = kinds(pixels)
    assert (found.kinds[:, : width // 16] == Kind.GLASS).all()


def test_fat_and_lumens_are_glass() -> None:
    pixels = field((640, 640))
    whole = kinds(pixels).area_mm2
    y, x = np.mgrid[:640, :640]
    for centre in ((160, 160), (420, 300), (300, 520)):
        pixels[np.hypot(y - centre[0], x - centre[1]) < 90] = (243, 241, 243)
    found = kinds(pixels)
    holes = 3 * np.pi * (90 * MPP / 1000) ** 2
    assert whole - found.area_mm2 == pytest.approx(holes, rel=0.15)
    assert found.tissue[1:3, 1:3].all()


def test_pale_and_blurred_tissue_is_tissue() -> None:
    pale = field(look=replace(PINK, strength=(0.35, 0.35)))
    assert kinds(pale).tissue.mean() > 0.95
    blurred = np.stack([gaussian_filter(field()[..., i], 8) for i in range(3)], axis=-1)
    assert kinds(blurred).tissue.mean() > 0.97


@pytest.mark.parametrize("noise", [0.0, 3.0])
@pytest.mark.parametrize("width", [12, 16, 45, 200])
def test_black_borders(width: int, noise: float) -> None:
    pixels = np.pad(field((320, 320)), ((width, width), (width, width), (0, 0)))
    border = np.ones(pixels.shape[:2], bool)
    border[width:-width, width:-width] = False
    pixels[border] = glass((1, int(border.sum())), 0, noise)[0]
    found = kinds(pixels)
    whole = width // 16
    inside = found.kinds[whole + 1 : -whole - 2, whole + 1 : -whole - 2]
    assert (inside != Kind.BLACK).all()
    assert (found.kinds[:whole] == Kind.BLACK).all() and (
        found.kinds[:, :whole] == Kind.BLACK
    ).all()


@pytest.mark.parametrize("colour", [GREEN, BLUE, RED, YELLOW, (0, 0, 255)], ids=str)
@pytest.mark.parametrize("ground", ["glass", "tissue"])
def test_pen_marks(ground: str, colour: tuple[int, int, int]) -> None:
    pixels = field() if ground == "tissue" else glass((480, 640), 240, 2)
    pixels[100:164, 50:500] = colour
    found = kinds(pixels)
    assert (found.kinds[7:10, 4:31] == Kind.PEN).all()
    assert not found.excluded[:5].any() and not found.excluded[12:].any()


def test_a_black_pen_is_black() -> None:
    pixels = field()
    pixels[100:180, 50:500] = (30, 28, 35)
    found = kinds(pixels)
    assert (found.kinds[7:11, 4:31] == Kind.BLACK).all()
    assert not found.excluded[13:].any()


def test_black_beside_glass_is_not_tissue() -> None:
    pixels = np.pad(glass((500, 500), 240, 2), ((70, 70), (70, 70), (0, 0)))
    assert kinds(pixels).tissue_pixels == 0


def test_an_overview_of_a_slide_has_the_same_area() -> None:
    pixels = glass((2400, 2400), 242, 2)
    pixels[600:1560, 900:1860] = np.tile(field(), (2, 2, 1))[:960, :960]
    full = find_tissue(pixels, MPP)
    overview = find_tissue(reduce(pixels, 32), MPP * 32)  # 8 µm per pixel
    assert overview.cell == 1 and overview.kinds.shape == (75, 75)
    area = (960 * MPP / 1000) ** 2
    assert full.area_mm2 == pytest.approx(area, rel=0.05)
    assert overview.area_mm2 == pytest.approx(area, rel=0.15)


def test_cells_cut_by_the_border_count_by_their_pixels() -> None:
    pixels = field((203, 307))
    found = kinds(pixels)
    assert found.tissue.all()
    assert found.tissue_pixels == 203 * 307
    assert found.area_mm2 == pytest.approx(203 * 307 * 0.00025**2)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (15, 17), (16, 16)])
@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (180, 90, 150), (20, 160, 60)])
def test_tiny_images(size: tuple[int, int], colour: tuple[int, int, int]) -> None:
    found = kinds(np.full((*size, 3), colour, np.uint8))
    assert found.kinds.shape == (-(-size[0] // 16), -(-size[1] // 16))
    assert len(np.unique(found.kinds)) == 1


def test_threads_do_not_change_the_map(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.concatenate([field(), glass((300, 640), 240, 2)])
    whole = find_tissue(pixels, MPP, threads=1).kinds
    monkeypatch.setattr("slide.tissue._STRIPE_PIXELS", 1 << 14)
    np.testing.assert_array_equal(find_tissue(pixels, MPP, threads=3).kinds, whole)


def test_regions_over_the_whole_image_leave_the_map_as_it_is() -> None:
    """Also where the last cells are cut to less than half."""
    pixels, _ = render_tissue((165, 197), figures=1, seed=2)
    found = find_tissue(pixels, 0.25)
    corners = np.array([[0, 0], [197, 0], [197, 165], [0, 165]], float)
    whole = found.within(Regions((Polygon((corners,)),), ""))
    assert np.array_equal(whole.kinds, found.kinds)
    half = found.within(Regions((Polygon((corners * (0.5, 1),)),), ""))
    assert (half.kinds != Kind.OUTSIDE).sum() == 6 * 11
    assert half.tissue_pixels < found.tissue_pixels
    scaled = found.within(Regions((Polygon((corners * (1, 2),)),), ""), (2.0, 2.0))
    assert np.array_equal(scaled.kinds, half.kinds)
