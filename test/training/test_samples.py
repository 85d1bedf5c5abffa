from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from model.patches import PatchCutter
from test.builders import SCANNERS, rendered_samples
from training.samples import NO_DOMAIN, WINDOW, Samples, SourceImage, match_borders, read_rgb


def numbered(height: int, width: int) -> SourceImage:
    """Every pixel says where it is: row, column, and their sum."""
    rows, columns = np.mgrid[:height, :width]
    pixels = np.stack([rows, columns, (rows + columns) % 256], axis=-1).astype(np.uint8)
    return SourceImage(pixels, "numbered.tif", "slide", "purple_lab")


def naive_index(place: int, low: int, high: int) -> int:
    """Walk to a place outside low..high by stepping back at each end, the edge shown twice."""
    while not low <= place <= high:
        place = 2 * low - 1 - place if place < low else 2 * high + 1 - place
    return place


def naive_window(
    pixels: np.ndarray, centre: tuple[int, int], borders: tuple[float, float, float, float]
) -> np.ndarray:
    x, y = centre
    left, right, top, bottom = borders
    low = max(0, x - left), max(0, y - top)
    high = min(pixels.shape[1] - 1, x + right), min(pixels.shape[0] - 1, y + bottom)
    window = np.empty((WINDOW, WINDOW, 3), np.uint8)
    for row in range(WINDOW):
        for column in range(WINDOW):
            at_x = naive_index(x - WINDOW // 2 + column, int(low[0]), int(high[0]))
            at_y = naive_index(y - WINDOW // 2 + row, int(low[1]), int(high[1]))
            window[row, column] = pixels[at_y, at_x]
    return window


@pytest.mark.parametrize("centre", [(100, 90), (0, 0), (5, 150), (189, 170), (64, 64)])
def test_a_window_is_the_image_mirrored_at_its_edge(centre: tuple[int, int]) -> None:
    image = numbered(180, 200)
    samples = Samples(["purple_lab"])
    samples.add(image, np.array([centre]), mitotic=True)
    expected = naive_window(image.pixels, centre, (np.inf,) * 4)
    np.testing.assert_array_equal(samples.window(0), expected)


@pytest.mark.parametrize("borders", [(20, 107, 63, 30), (5, 5, 5, 5), (0, 300, 12, 0)])
def test_a_window_is_mirrored_at_nearer_borders(borders: tuple[int, int, int, int]) -> None:
    image = numbered(128, 128)
    samples = Samples(["purple_lab"])
    samples.add(image, np.array([[64, 60]]), mitotic=True)
    given = np.array(borders, np.float32)
    expected = naive_window(image.pixels, (64, 60), borders)
    np.testing.assert_array_equal(samples.window(0, given), expected)
    samples.borders[0] = given
    np.testing.assert_array_equal(samples.window(0), expected)


def test_samples_know_image_class_and_domain() -> None:
    samples = Samples(["purple_lab", "pink_lab"])
    first = numbered(64, 64)
    other = first._replace(domain="pink_lab")
    samples.add(first, np.array([[1, 2], [3, 4]]), mitotic=True)
    samples.add(first, np.array([[5, 6]]), mitotic=False, in_domain=False)
    samples.add(other, np.array([[7, 8]]), mitotic=False)
    samples.add(first._replace(domain="nobody"), np.array([[9, 9]]), mitotic=False)
    assert len(samples) == 5
    assert samples.image.tolist() == [0, 0, 0, 1, 2]
    assert samples.mitotic.tolist() == [True, True, False, False, False]
    assert samples.domain.tolist() == [0, 0, NO_DOMAIN, 1, NO_DOMAIN]
    assert samples.centres.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8], [9, 9]]
    assert np.isinf(samples.borders).all()


def test_no_centres_add_nothing() -> None:
    samples = Samples(["purple_lab"])
    samples.add(numbered(64, 64), np.zeros((0, 2)), mitotic=True)
    assert len(samples) == 0
    assert samples.centres.shape == (0, 2)


def test_figures_get_the_borders_of_negatives_and_nothing_else_changes() -> None:
    samples = rendered_samples()
    negatives = np.flatnonzero(~samples.mitotic)
    figures = np.flatnonzero(samples.mitotic)
    samples.borders[negatives] = 10 + np.arange(4 * len(negatives)).reshape(-1, 4)
    samples.borders[figures[1:]] = 64
    before = samples.borders.copy()
    match_borders(samples, np.random.default_rng(0))
    np.testing.assert_array_equal(samples.borders[negatives], before[negatives])
    assert np.isinf(samples.borders[figures[0]]).all(), "a figure of a whole field has no border"
    known = {tuple(row) for row in before[negatives]}
    given = [tuple(row) for row in samples.borders[figures[1:]]]
    assert set(given) <= known
    assert len(set(given)) > 1


def test_rendered_samples_hold_both_classes_of_both_scanners() -> None:
    samples = rendered_samples()
    for domain in range(len(SCANNERS)):
        here = samples.mitotic[samples.domain == domain]
        assert here.sum() == 8
        assert (~here).sum() > 16


def test_the_middle_of_a_window_is_the_patch_of_the_detector() -> None:
    """Training and inference must see the same pixels, also beyond the image's edge."""
    pixels = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    centres = np.array([[0.0, 0.0], [50.6, 3.4], [89.0, 69.0]])
    samples = Samples(["one"])
    samples.add(SourceImage(pixels, "file.png", "slide", "one"), centres, mitotic=True)
    for index, patch in enumerate(PatchCutter(pixels).cut(centres).numpy()):
        np.testing.assert_array_equal(samples.patch(index), patch)


def test_read_rgb_leaves_the_alpha_channel(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 6, 4), dtype=np.uint8)
    Picture.fromarray(pixels).save(tmp_path / "file.png")
    read = read_rgb(tmp_path / "file.png")
    np.testing.assert_array_equal(read, pixels[..., :3])
    assert read.flags.c_contiguous


def test_read_rgb_refuses_what_is_no_colour(tmp_path: Path) -> None:
    Picture.fromarray(np.zeros((5, 6), np.uint8)).save(tmp_path / "grey.png")
    with pytest.raises(ValueError, match=r"grey.png is \(5, 6\) uint8: 8-bit colour is needed"):
        read_rgb(tmp_path / "grey.png")


def test_a_line_describes_each_domain() -> None:
    samples = rendered_samples(figures=3)
    samples.domain[-1] = NO_DOMAIN
    lines = samples.describe().splitlines()
    assert lines[0].startswith("purple_lab: 3 mitotic figures, ") and len(lines) == 3
    assert lines[-1] == "outside the scanner loss: 1 negatives"
