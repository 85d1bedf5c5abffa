"""One annotated image: what scoring and training know of it from an annotation file."""

import re
import unicodedata
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

from evaluation.scored_image import UNKNOWN_DOMAIN

UNKNOWN_SIZE = (0, 0)
MASK_RADIUS = 45.0  # px round a painted figure of the ICPR 2012 fields that are not tissue


class AnnotatedImage(NamedTuple):
    """The annotations of one image.

    file_name       as in the file, with folders if it has some
    figures         (n, 2) float64, centres x, y of the mitotic figures in px
    hard_negatives  (m, 2) float64, centres of the other annotated cells: look-alikes
    size            px (width, height), UNKNOWN_SIZE where the file does not say
    mpp             µm per pixel (x, y), None where the file does not say
    slide           slide or case, None where the file does not say
    domain          scanner and laboratory, UNKNOWN_DOMAIN where the file does not say
    masked          (k, 2) float64, centres of what is painted over
    tissue          the same for slides of the same tissue, the slide where the file does not say
    labelled        False for the images of MIDOG that nobody annotated
    millimetres     whether the positions are mm in world coordinates instead of px
    number          its id in the file
    """

    file_name: str
    figures: np.ndarray
    hard_negatives: np.ndarray
    size: tuple[int, int]
    mpp: tuple[float, float] | None
    slide: str | None
    domain: str = UNKNOWN_DOMAIN
    masked: np.ndarray = np.zeros((0, 2))
    tissue: str | None = None
    labelled: bool = True
    millimetres: bool = False
    number: str = ""

    @property
    def stem(self) -> str:
        return image_stem(self.file_name)


def unmasked(points: np.ndarray, masked: np.ndarray) -> np.ndarray:
    """(n,) bool: which points (n, 2) px lie farther than MASK_RADIUS from all masked (k, 2) px."""
    distance = np.linalg.norm(points[:, None] - masked[None], axis=2)
    clear: np.ndarray = distance.min(axis=1, initial=np.inf) > MASK_RADIUS
    return clear


def base_name(file_name: str) -> str:
    """A file name without its folders, which may be Windows', in Unicode's composed form."""
    return unicodedata.normalize("NFC", re.split(r"[\\/]", file_name)[-1])


def image_stem(file_name: str) -> str:
    """The name by which results and annotations are paired: no folder, no suffix."""
    return PurePosixPath(base_name(file_name)).stem
