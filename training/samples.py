"""Labelled positions in images: the form in which every data set adapter returns its data."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from skimage.io import imread

from model.patches import PATCH_SIZE

WINDOW = 128  # px around a sample: holds a 64 px patch under any rotation at scale 0.7
NO_DOMAIN = -1  # domain of samples that stay out of the scanner loss
NO_CLASS = -1  # class of samples that stay out of the mitosis loss


class SourceImage(NamedTuple):
    """An image of the source: pixels (height, width, 3) uint8 RGB, its file, slide and domain."""

    pixels: np.ndarray
    file: str
    slide: str
    domain: str


@dataclass
class Samples:
    """Samples of a training set.

    Attributes:
        domains: names of the source domains, in the order of the scanner branch.
        unlabelled_domains: further domains of the scanner branch, whose samples have no class.
        images: that contain the samples.
        image: (n,) int32 index into images.
        centres: (n, 2) float32 x, y in px.
        mitotic: (n,) bool.
        labelled: (n,) bool, whether the class is known.
        domain: (n,) int16 index into domains and unlabelled_domains, or NO_DOMAIN.
        borders: (n, 4) float32 distance in px to the left, right, upper and lower border at which
            the window is mirrored; infinite where only the image's own border counts.
        hard: (n,) bool, negatives that were annotated as look-alikes.
    """

    domains: list[str]
    unlabelled_domains: list[str] = field(default_factory=list)
    images: list[SourceImage] = field(default_factory=list)
    image: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    centres: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    mitotic: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    labelled: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    domain: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int16))
    borders: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    hard: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))

    def __len__(self) -> int:
        return len(self.image)

    def add(
        self,
        image: SourceImage,
        centres: np.ndarray,
        mitotic: bool,
        *,
        in_domain: bool = True,
        hard: bool = False,
    ) -> None:
        """Add samples of one class at centres (n, 2) of an image.

        Args:
            image: that contains them. In an image of an unlabelled domain they have no class.
            centres: (n, 2) x, y in px.
            mitotic: their class.
            in_domain: False keeps them out of the scanner loss, as an image of no domain does.
            hard: whether they were annotated as look-alikes.
        """
        if not self.images or self.images[-1] is not image:
            self.images.append(image)
        count = len(centres)
        known = self.scanner_classes
        inside = in_domain and image.domain in known
        domain = known.index(image.domain) if inside else NO_DOMAIN
        labelled = image.domain not in self.unlabelled_domains
        self.image = np.append(self.image, np.full(count, len(self.images) - 1, np.int32))
        self.centres = np.append(self.centres, np.reshape(centres, (-1, 2)), axis=0)
        self.centres = self.centres.astype(np.float32)
        self.mitotic = np.append(self.mitotic, np.full(count, mitotic))
        self.labelled = np.append(self.labelled, np.full(count, labelled))
        self.domain = np.append(self.domain, np.full(count, domain, np.int16))
        infinite = np.full((count, 4), np.inf, np.float32)
        self.borders = np.append(self.borders, infinite, axis=0)
        self.hard = np.append(self.hard, np.full(count, hard))

    @property
    def scanner_classes(self) -> list[str]:
        """The domains that the scanner branch tells apart in training."""
        return [*self.domains, *self.unlabelled_domains]

    def describe(self) -> str:
        """A line for each domain: mitotic figures and negatives."""
        lines = []
        for index, name in enumerate(self.domains):
            here = self.domain == index
            figures = int((here & self.mitotic).sum())
            negatives = int(here.sum()) - figures
            lines.append(f"{name}: {figures} mitotic figures, {negatives} negatives")
        for index, name in enumerate(self.unlabelled_domains, start=len(self.domains)):
            lines.append(f"{name}: {int((self.domain == index).sum())} unlabelled candidates")
        outside = int((self.domain < 0).sum())
        return "\n".join([*lines, f"outside the scanner loss: {outside} negatives"])

    def fingerprint(self) -> str:
        """Hash of positions and labels; a checkpoint continues only with samples of the same hash.

        The pixels are left out, as are borders.
        """
        digest = hashlib.sha256(
            repr([self.scanner_classes, [i.file for i in self.images]]).encode()
        )
        for name in ("image", "centres", "mitotic", "labelled", "domain", "hard"):
            values = getattr(self, name)
            digest.update(np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()

    def window(
        self, index: int, borders: np.ndarray | None = None, side: int = WINDOW
    ) -> np.ndarray:
        """(side, side, 3) uint8 around a sample, mirrored at the borders."""
        pixels = self.images[self.image[index]].pixels
        x, y = (round(float(at)) - side // 2 for at in self.centres[index])
        left, right, top, bottom = self.borders[index] if borders is None else borders
        columns = _between(x + side // 2, left, right, pixels.shape[1])
        rows = _between(y + side // 2, top, bottom, pixels.shape[0])
        if _holds(columns, x, side) and _holds(rows, y, side):  # nearly all, and much quicker
            return np.array(pixels[y : y + side, x : x + side])
        return pixels[_mirrored(y, side, *rows)[:, None], _mirrored(x, side, *columns)]

    def patch(self, index: int) -> np.ndarray:
        """(PATCH_SIZE, PATCH_SIZE, 3) uint8: the middle of the window, as the detector cuts it."""
        return self.window(index, side=PATCH_SIZE)

    def negative_borders(self) -> np.ndarray:
        """(n, 4) borders of the negatives that have any.

        Figures lie in the middle of a crop and negatives nearer to its border, so the mirror would
        tell the classes apart: a figure is given the borders of a negative drawn from these.
        """
        return self.borders[~self.mitotic & self.bordered()]

    def bordered(self) -> np.ndarray:
        """(n,) bool: which samples have mirror borders of their own."""
        return np.isfinite(self.borders[:, 0])


def match_borders(samples: Samples, random: np.random.Generator) -> None:
    """Give each mitotic figure that has mirror borders those of a negative drawn at random."""
    figures = np.flatnonzero(samples.mitotic & samples.bordered())
    samples.borders[figures] = random.choice(samples.negative_borders(), len(figures))


def away_from(figures: np.ndarray, centres: np.ndarray, radius: float) -> np.ndarray:
    """The centres (n, 2) that lie farther than a radius in px from every figure (m, 2)."""
    if len(figures) == 0 or len(centres) == 0:
        return centres
    distance = np.linalg.norm(centres[:, None] - figures[None], axis=2)
    return centres[distance.min(axis=1) > radius]


def read_rgb(path: Path) -> np.ndarray:
    """Pixels (height, width, 3) uint8 of a colour JPEG or PNG file.

    Raises:
        ValueError: the file is not in 8-bit colour.
    """
    pixels = imread(path)
    if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or pixels.dtype != np.uint8:
        raise ValueError(f"{path} is {pixels.shape} {pixels.dtype}: 8-bit colour is needed")
    return np.ascontiguousarray(pixels[..., :3])


def _between(centre: int, before: float, after: float, length: int) -> tuple[int, int]:
    """First index and the one behind the last at the nearer of border and image edge."""
    return max(0, int(max(centre - before, 0))), int(min(centre + after, length - 1)) + 1


def _holds(limits: tuple[int, int], first: int, side: int) -> bool:
    return limits[0] <= first and first + side <= limits[1]


def _mirrored(first: int, side: int, low: int, high: int) -> np.ndarray:
    """Indices of a window along one axis, mirrored at low and high."""
    count = high - low
    steps = np.mod(np.arange(side) + first - low, 2 * count)
    return low + np.where(steps >= count, 2 * count - 1 - steps, steps)
