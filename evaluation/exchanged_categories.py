"""Whether an annotation file calls the look-alikes mitotic figures and the figures look-alikes."""

from collections.abc import Sequence

import numpy as np

from evaluation.near import count_found
from evaluation.scored_image import ScoredImage

# Of figures, 139 of 184 are found in `fields_a` and 7 of 12 in `unseen_lab`; of look-alikes, 2 of
# 23 in `unseen_lab`, 1 of 11 in `fields_cmc` and 3 of 8 in crops: not half of so many by chance.
FEW_LOOK_ALIKES, TIMES = 10, 3


def exchanged_note(images: Sequence[ScoredImage], look_alikes: Sequence[np.ndarray]) -> list[str]:
    """A line where most look-alikes are found, and of the figures a far smaller share.

    look_alikes: (n, 2) px of each image.
    """
    figures = sum(len(image.figures) for image in images)
    others = sum(map(len, look_alikes))
    if others < FEW_LOOK_ALIKES:
        return []
    found = sum(count_found(image.figures, image) for image in images)
    wrong = sum(count_found(cells, i) for cells, i in zip(look_alikes, images, strict=True))
    if 2 * wrong < others or wrong * figures < TIMES * found * others:
        return []
    return [
        f"{wrong} of {others} look-alikes are found, but {found} of {figures} mitotic figures: are "
        "the names of the categories exchanged?"
    ]
