"""Windows gathered at once are those that are cut one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model.patches import PATCH_SIZE
from test.builders import rendered_samples
from training.samples import WINDOW, Samples
from training.windows import DeviceWindows, ImageWindows, window_cutter


@pytest.fixture(scope="module")
def samples() -> Samples:
    """Images of two sizes; half of the samples have mirror borders, some between pixels."""
    samples = rendered_samples(figures=1, size=(150, 230))
    other = rendered_samples(seed=1, figures=1, size=(260, 140))
    for image, mitotic in zip(other.images, (True, False), strict=True):
        samples.add(image, np.array([[3.5, 4.5], [70.2, 130.8], [139.0, 259.0]]), mitotic)
    random = np.random.default_rng(0)
    some = random.permutation(len(samples))[: len(samples) // 2]
    samples.borders[some] = random.uniform(5, 90, (len(some), 4)).round(1)
    return samples


@pytest.mark.parametrize("side", [PATCH_SIZE, WINDOW])
def test_gathered_windows_equal_those_cut_one_by_one(samples: Samples, side: int) -> None:
    index = np.random.default_rng(1).permutation(len(samples))
    borders = samples.borders[index]
    gathered = DeviceWindows(samples, torch.device("cpu")).cut(index, borders, side)
    expected = np.stack([samples.window(int(i), side=side) for i in index])
    np.testing.assert_array_equal(gathered.numpy(), expected)
    assert torch.equal(gathered, ImageWindows(samples).cut(index, borders, side))


def test_the_processor_cuts_from_the_images(samples: Samples) -> None:
    assert isinstance(window_cutter(samples, torch.device("cpu")), ImageWindows)
