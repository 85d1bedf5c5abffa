"""Target images of a domain that is left out: its crops' patches as one image.

An image holds all negatives of the domain, the other nuclei of its crops, and as many mitotic
figures as give a stated share; several images take the figures in turn. Patches have mirrored
borders, as in training.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from model.target import WIDE
from training.bank_selection import MIN_BORDER
from training.crops import CROP_SETS, add_crops
from training.samples import Samples, match_borders

MPP = 0.25  # µm per px of the crops
TILE = WIDE  # px, so that no view of a patch shows its neighbours


class Montage(NamedTuple):
    """Patches of a domain as one image, a tile below the other.

    Attributes:
        name: of domain and draw.
        domain: of the patches.
        pixels: (n * TILE, TILE, 3) uint8.
        mitotic: (n,) bool of the tiles.
        slides: (n,) of the tiles.
    """

    name: str
    domain: str
    pixels: np.ndarray
    mitotic: np.ndarray
    slides: np.ndarray

    @property
    def centres(self) -> np.ndarray:
        """(n, 2) x, y in px of the tiles."""
        middle = TILE // 2
        y = np.arange(len(self.mitotic)) * TILE + middle
        return np.stack([np.full(len(y), middle), y], axis=1).astype(float)

    def take(self, index: np.ndarray, name: str) -> Montage:
        """Some of the tiles, as another montage."""
        tiles = self.pixels.reshape(-1, TILE, TILE, 3)[index]
        return Montage(
            name, self.domain, tiles.reshape(-1, TILE, 3), self.mitotic[index], self.slides[index]
        )


def draw_montages(
    data: Path,
    domain: str,
    share: float,
    draws: int,
    seed: int = 0,
    crop_sets: Iterable[str] = CROP_SETS,
) -> Iterator[Montage]:
    """The target images of a domain.

    Args:
        data: the data folder.
        domain: of the patches.
        share: of mitotic figures in an image.
        draws: images at most; no figure is in two.
        seed: of the order of the figures, and of their borders.
        crop_sets: where the domain's crops are taken from.
    """
    whole = domain_montage(data, domain, seed, crop_sets)
    for number, index in enumerate(draw_candidates(whole.mitotic, share, draws, seed)):
        yield whole.take(index, f"{domain}/{number}")


def domain_montage(
    data: Path, domain: str, seed: int = 0, crop_sets: Iterable[str] = CROP_SETS
) -> Montage:
    """All figures and negatives of a domain; negatives near a crop's border are left out.

    Args:
        data: the data folder.
        domain: of the patches.
        seed: of the mirrored borders of the figures.
        crop_sets: where the domain's crops are taken from.
    """
    samples = Samples([domain])
    add_crops(samples, data, crop_sets)
    match_borders(samples, np.random.default_rng(seed))
    index = np.flatnonzero(samples.mitotic | (samples.borders.min(axis=1) >= MIN_BORDER))
    return Montage(
        domain,
        domain,
        np.concatenate([samples.window(int(i), side=TILE) for i in index]),
        samples.mitotic[index],
        np.array([samples.images[samples.image[i]].slide for i in index]),
    )


def draw_candidates(
    mitotic: np.ndarray, share: float, draws: int, seed: int = 0
) -> Iterator[np.ndarray]:
    """Indices of images that hold all negatives and a share of figures; no figure is in two.

    Args:
        mitotic: (n,) bool.
        share: of mitotic figures in an image; at least one is drawn.
        draws: images at most.
        seed: of the order of the figures.
    """
    negatives = np.flatnonzero(~mitotic)
    figures = np.random.default_rng(seed).permutation(np.flatnonzero(mitotic))
    count = max(round(share / (1 - share) * len(negatives)), 1)
    for number in range(min(draws, len(figures) // count)):
        yield np.sort(np.append(negatives, figures[number * count : (number + 1) * count]))
