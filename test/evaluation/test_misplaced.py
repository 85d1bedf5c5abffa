import re

import numpy as np
import pytest

from evaluation.misplaced import TRANSFORMATIONS, misplaced_note
from evaluation.scored_image import ScoredImage

WIDTH, HEIGHT = 3000, 2000


def image(seed: int, figures: int, found: float = 0.8) -> ScoredImage:
    """Figures of which a share is found, as many false positives, and 200 improbable detections."""
    random = np.random.default_rng(seed)
    cells = random.uniform(0, (WIDTH - 1, HEIGHT - 1), (figures, 2))
    near = cells[: round(found * figures)] + random.normal(0, 3, (round(found * figures), 2))
    others = random.uniform(0, (WIDTH - 1, HEIGHT - 1), (len(near) + 200, 2))
    return ScoredImage(
        name="a",
        points=np.concatenate([near, others]),
        probabilities=np.repeat([0.9, 0.1], [2 * len(near), 200]),
        figures=cells,
        mpp=(0.25, 0.25),
        size=(WIDTH, HEIGHT),
    )


# How a file may state x and y of the true positions.
STATED = {
    "with x and y exchanged": lambda x, y: (y, x),
    "with y counted from the bottom": lambda x, y: (x, HEIGHT - 1 - y),
    "with x counted from the right": lambda x, y: (WIDTH - 1 - x, y),
    "turned by 180°": lambda x, y: (WIDTH - 1 - x, HEIGHT - 1 - y),
    "turned by 90° to the left": lambda x, y: (HEIGHT - 1 - y, x),
    "turned by 90° to the right": lambda x, y: (y, WIDTH - 1 - x),
    "with x and y exchanged and turned by 180°": lambda x, y: (HEIGHT - 1 - y, WIDTH - 1 - x),
    "read as µm": lambda x, y: (x / 4, y / 4),
    "read as percent of the image": lambda x, y: (100 * x / WIDTH, 100 * y / HEIGHT),
    "multiplied by 2": lambda x, y: (x / 2, y / 2),
    "multiplied by 8": lambda x, y: (x / 8, y / 8),
    "multiplied by 16": lambda x, y: (x / 16, y / 16),
    "multiplied by 32": lambda x, y: (x / 32, y / 32),
    "divided by 2": lambda x, y: (x * 2, y * 2),
    "divided by 4": lambda x, y: (x * 4, y * 4),
}


@pytest.mark.parametrize("name", STATED)
@pytest.mark.parametrize("figures", [10, 50])
def test_the_transformation_is_named(name: str, figures: int) -> None:
    right = image(0, figures)
    wrong = right._replace(figures=np.stack(STATED[name](*right.figures.T), axis=1))
    (note,) = misplaced_note([wrong])
    count = round(0.8 * figures)
    assert f"of {figures} mitotic figures are found as stated, but {count}" in note
    assert f" {name}: correct the positions in the annotations" in note


@pytest.mark.parametrize("by", [(25, 25), (-25, -25), (40, 40), (90, -120)])
def test_a_shift_is_named(by: tuple[float, float]) -> None:
    right = image(0, 50)
    (note,) = misplaced_note([right._replace(figures=right.figures - by)])
    assert "of 50 mitotic figures are found as stated, but 40 moved by" in note
    named = re.findall(r"([+-]\d+) px along", note)
    assert np.abs(np.array(named, float) - by).max() <= 3


def test_a_single_wrong_image_is_named() -> None:
    images = [image(seed, 10)._replace(name=f"image{seed}") for seed in range(6)]
    images[2] = images[2]._replace(figures=images[2].figures[:, ::-1])
    images[4] = images[4]._replace(figures=images[4].figures + 40)
    (note,) = misplaced_note(images)
    assert "image2 (1 of 10 mitotic figures are found as stated, but 8 with x and y exch" in note
    assert "image4 (0 of 10 mitotic figures are found as stated, but 8 moved by -" in note


def test_every_transformation_is_tested() -> None:
    assert TRANSFORMATIONS.keys() - STATED.keys() == {"multiplied by 4"}  # as µm, at 0.25


@pytest.mark.parametrize("found", [0.0, 0.2, 0.8])
@pytest.mark.parametrize("figures", [0, 1, 3, 10, 100])
def test_right_positions_are_not_noted(figures: int, found: float) -> None:
    """Also where the detections are poor, if the figures are among the improbable ones."""
    for seed in range(20):
        right = image(seed, figures, found)
        points = np.concatenate([right.points, right.figures])
        low = np.full(figures, 0.1)
        right = right._replace(
            points=points, probabilities=np.concatenate([right.probabilities, low])
        )
        assert misplaced_note([right]) == []


@pytest.mark.parametrize("near", [0, 1, 2])
def test_figures_far_from_all_detections_are_noted(near: int) -> None:
    """As where the annotations are of other images of the same size."""
    row = image(0, 0)._replace(
        figures=np.array([[1000.0, 20.0]] * near + [[600.0, 1700.0]] * (4 - near)),
        points=np.array([[1000.0, 20.0]]),
        probabilities=np.array([0.9]),
    )
    expected = ["0 of 4 mitotic figures have a detection of any probability near them"]
    assert [n.partition(":")[0] for n in misplaced_note([row])] == (expected if near == 0 else [])


def test_images_with_each_others_names_are_noted() -> None:
    right = [image(seed, 10)._replace(name=str(seed)) for seed in range(6)]
    assert misplaced_note(right) == []
    first, second = right[0], right[1]
    exchanged = [
        first._replace(figures=second.figures), second._replace(figures=first.figures), *right[2:]
    ]  # fmt: skip
    assert misplaced_note(exchanged) == [
        "mitotic figures are found in another image, so check the file names: "
        "0 (0 of 10, but 8 in 1), 1 (1 of 10, but 8 in 0)"
    ]
    exchanged[1] = exchanged[1]._replace(size=(WIDTH, HEIGHT + 1))
    assert misplaced_note(exchanged) == []


def test_images_without_detections_do_not_count() -> None:
    failed = image(0, 9)._replace(points=np.empty((0, 2)), probabilities=np.empty(0))
    assert misplaced_note([failed]) == []
