"""A slide at the pixel size of the training gives the pixels that resampling it whole gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from slide.resample import resample
from slide.training_view import TrainingView
from slide.whole_slide import WholeSlide
from test.slide.slides import pixels_on_glass, tissue, write_slide

PIXELS = pixels_on_glass((640, 512), {(200, 100): tissue((256, 256))})


def view(folder: Path, mpp: float) -> TrainingView:
    return TrainingView(WholeSlide(write_slide(folder / "a.tif", PIXELS, "raw", mpp)))


@pytest.mark.parametrize("mpp", [0.225, 0.25, 0.275])
def test_pixels_of_about_the_training_size_stay(tmp_path: Path, mpp: float) -> None:
    seen = view(tmp_path, mpp)
    assert not seen.resampled and seen.mpp == pytest.approx(mpp) and seen.size == (640, 512)
    np.testing.assert_array_equal(seen.read(5, 6, 70, 80), PIXELS[6:86, 5:75])
    assert 7.5 < seen.cell * seen.mpp < 8.5


@pytest.mark.parametrize("mpp", [0.5, 0.2, 0.125])
def test_others_are_resampled_alike_wherever_a_tile_begins(tmp_path: Path, mpp: float) -> None:
    seen = view(tmp_path, mpp)
    whole = resample(PIXELS, mpp)
    assert seen.resampled and seen.size == whole.pixels.shape[1::-1]
    for x, y in ((40, 32), (113, 67)):
        difference = np.abs(seen.read(x, y, 90, 80).astype(int) - whole.pixels[y:, x:][:80, :90])
        assert difference.max() <= 1  # Pillow rounds its weights
    points = np.array([[10.0, 20.0], [33.5, 7.25]])
    np.testing.assert_allclose(seen.to_slide(points), whole.to_input(points), atol=1e-6)


def test_a_finer_slide_is_read_from_its_next_level(tmp_path: Path) -> None:
    pixels = pixels_on_glass((1024, 1024), {})
    slide = WholeSlide(write_slide(tmp_path / "a.tif", pixels, "raw", 0.1))
    slide.levels[1] = (410, 410)  # 0.25 µm
    seen = TrainingView(slide)
    assert seen.level == 1 and not seen.resampled and seen.size == (410, 410)
    np.testing.assert_allclose(seen.to_slide(np.array([[-0.5, 409.5]])), [[-0.5, 1023.5]])


def test_the_map_has_the_tissue_of_the_slide(tmp_path: Path) -> None:
    found = view(tmp_path, 0.25).tissue()
    expected = np.zeros((16, 20), bool)
    expected[100 // 32 : -(-356 // 32), 200 // 32 : -(-456 // 32)] = True
    assert found.tissue[5:10, 8:13].all()
    assert not (found.tissue & ~expected).any()
    assert found.area_mm2 == pytest.approx(0.064**2, rel=0.25)
