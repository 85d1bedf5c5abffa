"""MIDOG's images as memory-mapped arrays, with their candidates, made once and kept on disk.

The pixels of an image are a .npy file at the training resolution: 22 GB for MIDOG 2021. Patches are
read directly from it, so that they only use the system's cache, which all processes of a machine
share.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from scipy.spatial import cKDTree
from tqdm import tqdm

from evaluation.annotated_image import unmasked
from model.candidates import SETTINGS, find_candidates
from model.detections import MERGE_RADIUS_UM
from slide.image import Image
from slide.read import read_image
from slide.resample import resample
from training.compute import SINGLE_PROCESS, Compute
from training.midog import MidogImage
from training.samples import Samples, SourceImage

# "candidates": a candidate within 7.5 µm of a figure is mitotic, and no other patch is (paper).
# "figures": the figure itself is; candidates that near to it are neither class.
Positives = Literal["candidates", "figures"]


class StoredImage(NamedTuple):
    """An image in the store.

    pixels       (height, width, 3) uint8 RGB at the training resolution, memory-mapped
    candidates   (n, 2) float32, x, y in px of the pixels
    annotated    the image it was made from
    """

    pixels: np.ndarray
    candidates: np.ndarray
    annotated: MidogImage

    @property
    def scale(self) -> np.ndarray:
        """(2,) px of the file per px of the store, x, y."""
        return np.array(self.annotated.size) / self.pixels.shape[1::-1]

    @property
    def mpp(self) -> tuple[float, float]:
        """µm per px of the store, x, y."""
        x, y = 1000 * np.array(self.annotated.spacing) * self.scale
        return float(x), float(y)

    def place(self, centres: np.ndarray) -> np.ndarray:
        """Positions (n, 2) px of the file as px of the store: the images' corners are aligned."""
        return (centres + 0.5) / self.scale - 0.5

    @property
    def unmasked_candidates(self) -> np.ndarray:
        """(m, 2) float32: the candidates that lie away from what is painted over."""
        return self.candidates[unmasked(self.candidates, self.place(self.annotated.masked))]

    @property
    def source(self) -> SourceImage:
        """The image as samples have it."""
        annotated = self.annotated
        pixels = np.asarray(self.pixels)  # the same memory without memmap's slower indexing
        return SourceImage(pixels, annotated.path.name, annotated.slide, annotated.scanner)


def store_images(
    images: Sequence[MidogImage],
    folder: Path,
    candidates: str,
    mpp: float | None = None,
    compute: Compute = SINGLE_PROCESS,
) -> list[StoredImage]:
    """The images in the store. Missing ones are added, divided among the processes.

    Args:
        images: to be had.
        folder: of the store. Files older than their image are replaced.
        candidates: name of the candidates' settings.
        mpp: µm per pixel that replaces the files' own.
        compute: the processes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mine = images[compute.rank :: compute.world]
    for image in tqdm(mine, desc="images", mininterval=5, disable=not compute.first):
        _store(image, folder, candidates, mpp)
    compute.wait()
    return [_stored(image, folder, candidates, mpp) for image in images]


def collect_samples(
    stored: Sequence[StoredImage], domains: list[str], positives: Positives
) -> Samples:
    """Candidates as samples, and with "figures" the annotated figures and hard negatives too."""
    samples = Samples(domains)
    for image in stored:
        figures, others = map(image.place, (image.annotated.figures, image.annotated.others))
        source = image.source
        candidates = image.unmasked_candidates
        near = within(candidates, figures, image.mpp)
        if positives == "candidates":
            samples.add(source, candidates[near], mitotic=True)
            samples.add(source, candidates[~near], mitotic=False)
            continue
        samples.add(source, figures, mitotic=True)
        taken = near | within(candidates, others, image.mpp)
        samples.add(source, candidates[~taken], mitotic=False)
        samples.add(source, others, mitotic=False, hard=True)
    return samples


def within(centres: np.ndarray, figures: np.ndarray, mpp: tuple[float, float]) -> np.ndarray:
    """(n,) bool: which centres (n, 2) px lie within 7.5 µm of one of the figures (m, 2) px."""
    if len(figures) == 0 or len(centres) == 0:
        return np.zeros(len(centres), bool)
    distance, _ = cKDTree(figures * mpp).query(centres * np.array(mpp))
    return np.asarray(distance <= MERGE_RADIUS_UM)


def _store(image: MidogImage, folder: Path, candidates: str, mpp: float | None) -> None:
    pixels_file, candidates_file = _files(image, folder, candidates, mpp)
    if not _current(pixels_file, image.path):
        whole = read_image(image.path, mpp)
        _save(pixels_file, resample(whole.pixels, whole.mpp).pixels)
    if not _current(candidates_file, pixels_file):
        pixels = np.load(pixels_file, mmap_mode="r")
        _save(candidates_file, find_candidates(np.asarray(pixels), SETTINGS[candidates]))


def _stored(image: MidogImage, folder: Path, candidates: str, mpp: float | None) -> StoredImage:
    pixels, centres = _files(image, folder, candidates, mpp)
    return StoredImage(np.load(pixels, mmap_mode="r"), np.load(centres), image)


def _files(
    image: MidogImage, folder: Path, candidates: str, mpp: float | None
) -> tuple[Path, Path]:
    """Names say what the content depends on."""
    origin = f"{image.path.resolve()} {mpp}"
    stem = f"{image.slide}-{hashlib.sha256(origin.encode()).hexdigest()[:12]}"
    settings = hashlib.sha256(repr(SETTINGS[candidates]).encode()).hexdigest()[:8]
    return folder / f"{stem}.npy", folder / f"{stem}.candidates-{candidates}-{settings}.npy"


def _current(made: Path, origin: Path) -> bool:
    return made.is_file() and made.stat().st_mtime >= origin.stat().st_mtime


def _save(path: Path, array: np.ndarray) -> None:
    """Write under another name first: a killed run leaves no half of a file."""
    part = path.with_suffix(f".part{os.getpid()}")
    with part.open("wb") as file:
        np.save(file, array)
    part.replace(path)


def as_image(stored: StoredImage) -> Image:
    """The stored pixels as the detector takes them."""
    x, y = stored.mpp
    return Image(np.asarray(stored.pixels), (x / 1000, y / 1000), (0.0, 0.0))
