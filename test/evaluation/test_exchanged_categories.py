import numpy as np
import pytest

from evaluation.exchanged_categories import exchanged_note
from evaluation.scored_image import ScoredImage
from test.evaluation.scenes import row

CELLS = np.arange(0, 20_000, 100.0)


def scene(figures: int, found: int, look_alikes: int, wrong: int) -> tuple[ScoredImage, np.ndarray]:
    """Figures, then look-alikes, on a row; the first of each are found."""
    positive = [*CELLS[:found], *CELLS[figures : figures + wrong]]
    others = CELLS[figures : figures + look_alikes]
    points = [*positive, *others]
    probabilities = np.repeat([0.9, 0.1], [len(positive), len(others)])
    return row(points, probabilities, CELLS[:figures]), np.stack([others, 0 * others], axis=1)


@pytest.mark.parametrize(("numbers", "noted"), [
    ((23, 2, 12, 7), True), ((40, 8, 30, 18), True), ((10, 0, 10, 5), True),
    ((12, 7, 23, 2), False), ((30, 18, 40, 40), False), ((40, 9, 30, 18), False),
    ((40, 0, 30, 14), False), ((1, 0, 12, 12), True), ((0, 0, 12, 12), True),
    ((0, 0, 11, 1), False), ((30, 0, 9, 9), False), ((30, 0, 30, 0), False),
])  # fmt: skip
def test_what_is_found_of_each(numbers: tuple[int, int, int, int], noted: bool) -> None:
    image, look_alikes = scene(*numbers)
    figures, found, others, wrong = numbers
    assert exchanged_note([image], [look_alikes]) == [
        f"{wrong} of {others} look-alikes are found, but {found} of {figures} mitotic figures: are "
        "the names of the categories exchanged?"
    ] * noted  # fmt: skip


def test_images_are_counted_together() -> None:
    images, look_alikes = zip(*[scene(5, 0, 5, 4)] * 2, strict=True)
    (note,) = exchanged_note(images, look_alikes)
    assert note.startswith("8 of 10 look-alikes are found, but 0 of 10 mitotic figures: ")
