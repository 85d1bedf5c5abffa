import numpy as np
import pytest
import torch

from model.patches import PATCH_SIZE
from test.rendering import render_tissue
from training.augmentation import Augmentation, augment
from training.samples import WINDOW

NOTHING = Augmentation(
    scale=1.0, shift=0.0, stain=1.0, colour=0.0, background=0.0, sharpness=0.0, noise=0.0, jpeg=0.0
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def windows() -> torch.Tensor:
    pixels, _ = render_tissue((WINDOW, 2 * WINDOW), figures=0, seed=3)
    parts = [pixels[:, :WINDOW], pixels[:, WINDOW:]] * 4
    return torch.from_numpy(np.stack(parts))


def radial_means(patch: np.ndarray) -> np.ndarray:
    """Mean colour of rings 4 px wide about the centre: what no rotation or flip changes."""
    offset = np.arange(patch.shape[0]) - (patch.shape[0] - 1) / 2
    ring = (np.hypot(offset[:, None], offset) // 4).astype(int)
    return np.array([patch[ring == r].mean(axis=0) for r in range(7)])


def test_patches_have_their_shape_and_type(windows: torch.Tensor) -> None:
    patches = augment(windows, Augmentation(), generator())
    assert patches.shape == (8, PATCH_SIZE, PATCH_SIZE, 3)
    assert patches.dtype == torch.uint8


def test_windows_are_left_as_they_are(windows: torch.Tensor) -> None:
    before = windows.clone()
    augment(windows, Augmentation(), generator())
    assert torch.equal(windows, before)


def test_the_generator_decides(windows: torch.Tensor) -> None:
    first = augment(windows, Augmentation(), generator(1))
    assert torch.equal(first, augment(windows, Augmentation(), generator(1)))
    assert not torch.equal(first, augment(windows, Augmentation(), generator(2)))
    assert not torch.equal(first[0], first[2]), "equal windows are augmented alike"


def test_without_strength_a_patch_is_only_turned_and_flipped(windows: torch.Tensor) -> None:
    patches = augment(windows, NOTHING, generator()).numpy().astype(float)
    low = (WINDOW - PATCH_SIZE) // 2
    middle = windows[:, low : low + PATCH_SIZE, low : low + PATCH_SIZE].numpy().astype(float)
    for patch, original in zip(patches, middle, strict=True):
        np.testing.assert_allclose(radial_means(patch), radial_means(original), atol=6.0)
    assert np.abs(patches - middle).mean() > 5, "nothing was turned"


def test_without_strength_a_plain_window_keeps_its_colour() -> None:
    plain = torch.tensor([200, 120, 160], dtype=torch.uint8).expand(4, WINDOW, WINDOW, 3)
    patches = augment(plain, NOTHING, generator())
    assert (patches.int() - plain[:, :PATCH_SIZE, :PATCH_SIZE].int()).abs().max() <= 1


def test_a_flip_and_a_turn_are_both_drawn() -> None:
    """A window that is dark to the left and red above: its orientation can be read off."""
    window = torch.full((WINDOW, WINDOW, 3), 200, dtype=torch.uint8)
    window[:, : WINDOW // 2, 2] = 50
    window[: WINDOW // 2, :, 0] = 50
    patches = augment(window.expand(64, WINDOW, WINDOW, 3), NOTHING, generator()).double()
    offset = torch.arange(PATCH_SIZE).double() - (PATCH_SIZE - 1) / 2
    x = torch.stack([(patches[..., c] * offset).mean(dim=(1, 2)) for c in (0, 2)])
    y = torch.stack([(patches[..., c] * offset[:, None]).mean(dim=(1, 2)) for c in (0, 2)])
    turned = x[0] * y[1] - x[1] * y[0]  # its sign is the handedness
    assert 16 < int((turned > 0).sum()) < 48
    angles = torch.atan2(y[0], x[0])
    assert torch.histc(angles, 4, -torch.pi, torch.pi).min() > 4


@pytest.mark.parametrize(
    "change",
    [
        {"scale": 1.35},
        {"shift": 3.0},
        {"stain": 1.5},
        {"colour": 0.05},
        {"background": 0.08},
        {"sharpness": 0.9},
        {"noise": 6.0},
        {"jpeg": 1.0},
    ],
)
def test_each_strength_does_something(windows: torch.Tensor, change: dict[str, float]) -> None:
    patches = augment(windows, NOTHING, generator())
    changed = augment(windows, Augmentation(**(vars(NOTHING) | change)), generator())
    assert (changed.int() - patches.int()).abs().float().mean() > 0.5


def test_the_scale_stays_within_its_factor() -> None:
    window = torch.zeros(1, WINDOW, WINDOW, 3, dtype=torch.uint8)
    half = WINDOW // 2
    window[:, half - 8 : half + 8, half - 8 : half + 8] = 255
    areas = []
    for seed in range(16):
        patch = augment(window, Augmentation(**(vars(NOTHING) | {"scale": 1.35})), generator(seed))
        areas.append(float(patch.float().mean() / 255 * PATCH_SIZE**2))
    assert 256 / 1.35**2 * 0.9 < min(areas) < 220
    assert 290 < max(areas) < 256 * 1.35**2 * 1.1
