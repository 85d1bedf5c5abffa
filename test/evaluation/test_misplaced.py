import re

import numpy as np
import pytest

from evaluation.misplaced import misplaced_note
from evaluation.scored_image import ScoredImage
from test.evaluation.test_transformations import HEIGHT, STATED, WIDTH


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


ALWAYS = "too few mitotic figures have a detection of any probability near them: "


@pytest.mark.parametrize("name", STATED)
@pytest.mark.parametrize("figures", [10, 50])
def test_the_transformation_is_named(name: str, figures: int) -> None:
    right = image(0, figures)
    wrong = right._replace(figures=np.stack(STATED[name](*right.figures.T), axis=1))
    (note,) = misplaced_note([wrong])
    found = rf"\d of {figures}, but {round(0.8 * figures)} {re.escape(name)}: do the annotations"
    assert re.match(ALWAYS + found, note)


@pytest.mark.parametrize("seed", range(5))
def test_a_transformation_of_four_figures_is_named(seed: int) -> None:
    right = image(seed, 4, found=0.75)
    wrong = right._replace(figures=right.figures[:, ::-1])
    (note,) = misplaced_note([image(9, 50), wrong._replace(name="b")])
    assert re.match(ALWAYS + r"b \([01] of 4, but 3 with x and y exchanged\): do ", note)


@pytest.mark.parametrize("factor", [0.6, 0.8, 0.85, 0.913, 0.95, 1.05, 1.1, 1.25, 1.7])
def test_a_factor_is_named(factor: float) -> None:
    right = image(0, 50)
    (note,) = misplaced_note([right._replace(figures=right.figures * factor)])
    (named,) = re.findall(r"multiplied by ([\d.]+)", note)
    assert float(named) == pytest.approx(1 / factor, rel=0.006)


@pytest.mark.parametrize("by", [(25, 25), (-25, -25), (40, 40), (90, -120)])
def test_a_shift_is_named(by: tuple[float, float]) -> None:
    right = image(0, 50)
    (note,) = misplaced_note([right._replace(figures=right.figures - by)])
    assert re.search(r"of 50, but (39|40) moved by", note)
    named = re.findall(r"([+-]\d+) px along", note)
    assert np.abs(np.array(named, float) - by).max() <= 3
    assert ("are the boxes stated by their centre?" in note) == (by == (-25, -25))


def test_single_wrong_images_are_named() -> None:
    images = [image(seed, 10)._replace(name=f"image{seed}") for seed in range(6)]
    images[2] = images[2]._replace(figures=images[2].figures[:, ::-1])
    images[4] = images[4]._replace(figures=images[4].figures + 40)
    random = np.random.default_rng(0)
    images[5] = images[5]._replace(figures=random.uniform(0, HEIGHT, (10, 2)))
    (note,) = misplaced_note(images)
    found = (
        r"image2 \([01] of 10, but 8 with x and y exchanged\), image4 \(0 of 10, but 8 moved by "
        r"-\d\d px along x and -\d\d px along y \(are the boxes stated by their centre\?\)\), "
        r"image5 \([01] of 10\): do the annotations belong to these images, and are they in px of "
    )
    assert re.match(ALWAYS + found, note)


def test_many_images_of_few_figures_are_counted_together() -> None:
    images = [image(seed, 2, found=1.0) for seed in range(3)]
    assert misplaced_note(images) == []
    exchanged = [i._replace(figures=i.figures[:, ::-1]) for i in images]
    (note,) = misplaced_note(exchanged)
    assert note.startswith(f"{ALWAYS}0 of 6, but 6 with x and y exchanged: ")
    assert misplaced_note(exchanged[:1]) == []


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
        figures=np.array([[1000.0, 20.0]] * near + [[600.0, 1700.0]] * (5 - near)),
        points=np.array([[1000.0, 20.0]]),
        probabilities=np.array([0.1]),
    )
    expected = [] if near else [f"{ALWAYS}a (0 of 5)"]
    assert [n.partition(": do")[0] for n in misplaced_note([row])] == expected


@pytest.mark.parametrize(("away", "notes"), [(15, 0), (17, 0), (29, 0), (31, 1)])
def test_figures_that_positive_detections_find_are_not_noted(away: float, notes: int) -> None:
    """Positions may be inexact: up to 7.5 µm (30 px) the score is not affected."""
    cells = np.array([[300.0 * n, 400.0] for n in range(1, 7)])
    angles = np.arange(6) * np.pi / 3
    around = away * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    row = image(0, 0)._replace(figures=cells, points=cells + around, probabilities=np.full(6, 0.9))
    assert len(misplaced_note([row])) == notes


@pytest.mark.parametrize("by", [(20, 20), (-20, -20), (0, 25)])
def test_a_shift_by_which_figures_are_found_all_the_same(by: tuple[float, float]) -> None:
    """F1 hardly changes, but the measures of MIDOG 2025, which count overlaps, are near 0."""
    right = image(0, 50)
    (note,) = misplaced_note([right._replace(figures=right.figures - by)])
    assert re.search(r"of 50, but (39|40) moved by", note)


def test_images_with_each_others_names_are_noted() -> None:
    right = [image(seed, 10)._replace(name=str(seed)) for seed in range(6)]
    assert misplaced_note(right) == []
    first, second = right[0], right[1]
    exchanged = [
        first._replace(figures=second.figures), second._replace(figures=first.figures), *right[2:]
    ]  # fmt: skip
    (note,) = misplaced_note(exchanged)
    assert note.startswith(f"{ALWAYS}0 (0 of 10, but 8 in 1), 1 (0 of 10, but 8 in 0): do ")
    exchanged[1] = exchanged[1]._replace(size=(WIDTH, HEIGHT + 1))
    (note,) = misplaced_note(exchanged)
    assert note.startswith(f"{ALWAYS}0 (0 of 10), 1 (0 of 10): do ")


def test_images_without_detections_do_not_count() -> None:
    failed = image(0, 9)._replace(points=np.empty((0, 2)), probabilities=np.empty(0))
    assert misplaced_note([failed]) == []
