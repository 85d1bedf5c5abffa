import numpy as np
import pytest

from evaluation.annotated_image import MASK_RADIUS, base_name, image_stem, unmasked


@pytest.mark.parametrize(
    "name", ["A03_02.tif", "A03_02", "a/b/A03_02.TIFF", "C:\\x\\A03_02.mha", "/data.v2/A03_02.png"]
)
def test_results_and_annotations_are_paired_without_folder_and_suffix(name: str) -> None:
    assert image_stem(name) == "A03_02"


def test_names_are_compared_in_composed_unicode() -> None:
    """macOS decomposes: e and a combining acute accent are é."""
    assert image_stem("cafe\u0301.tif") == "caf\u00e9"
    assert base_name("x/a.ome.tif") == "a.ome.tif" and image_stem("x/a.ome.tif") == "a.ome"


def test_points_near_what_is_painted_over_are_masked() -> None:
    points = np.array([[0.0, 0.0], [MASK_RADIUS, 0.0], [MASK_RADIUS + 1, 0.0]])
    assert unmasked(points, np.zeros((1, 2))).tolist() == [False, False, True]
    assert unmasked(points, np.zeros((0, 2))).tolist() == [True] * 3
    assert unmasked(np.zeros((0, 2)), np.zeros((1, 2))).shape == (0,)
