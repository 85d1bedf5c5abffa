"""A data set in MIDOG's form: TIFF files and MIDOG.json, from any tissue."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from test.rendering import PINK, PURPLE, Look, render_tissue
from training.tiff import write_tiff

SCANNERS = {
    "hamamatsu_xr_utrecht": (1, PURPLE),
    "hamamatsu_s360_utrecht": (51, PINK),
    "aperio_cs2_utrecht": (101, Look(strength=(1.2, 0.8))),
}
UNLABELLED = "leica_gt450_utrecht"
IMAGES = 4  # of each scanner: at 80 %, three train and one validates
SIZE = (240, 260)  # px (height, width)
MPP = 0.25
# A few steps of the training of the paper, on the candidates of the detector.
TINY = """
whole_fields = false
[midog]
candidates = "default"
positives = "{positives}"
[recipe]
{steps}
warm_up = 0
learning_rate = 1e-4
reversal_weight = 1.0
averaging = 0.0
checkpoint_every = 2
augmentation = false
[recipe.mixture]
size = 16
"""


class Midog(NamedTuple):
    """Its folder of images, its annotations and a preset for a few steps."""

    images: Path
    annotations: Path
    preset: Path

    def options(self, store: Path) -> list[str]:
        """Of training.train, on one processor, exactly."""
        return [
            *("--midog", str(self.images), "--annotations", str(self.annotations)),
            *("--preset", str(self.preset), "--store", str(store)),
            *("--trunk", "random", "--device", "cpu", "--precision", "fp32"),
        ]


class Tissue(NamedTuple):
    """An image's id and pixels, and (n, 2) px x, y of its figures and look-alikes."""

    number: int
    pixels: np.ndarray
    figures: np.ndarray
    others: np.ndarray


def rendered_midog(folder: Path) -> Midog:
    """Three scanners with three figures and a look-alike an image, and one without labels."""
    return write_midog(folder, _rendered())


def _rendered() -> Iterable[Tissue]:
    for first, look in SCANNERS.values():
        for number in range(first, first + IMAGES):
            pixels, figures = render_tissue(SIZE, 3, seed=number, look=look)
            yield Tissue(number, pixels, figures, np.array([[5.0, 5.0]]))
    none = np.zeros((0, 2))
    yield Tissue(151, render_tissue(SIZE, 0, seed=151)[0], none, none)


def _scanner(number: int) -> str:
    firsts = {first: name for name, (first, _) in SCANNERS.items()} | {151: UNLABELLED}
    return firsts[max(first for first in firsts if first <= number)]


def write_midog(folder: Path, tissue: Iterable[Tissue], mpp: float = MPP) -> Midog:
    """Write the images, `MIDOG.json` and a preset of three steps."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    (folder / "images").mkdir(parents=True)
    for piece in tissue:
        height, width = piece.pixels.shape[:2]
        name = f"{piece.number:03d}.tiff"
        write_tiff(folder / "images" / name, piece.pixels, mpp)
        images.append({
            "id": piece.number, "file_name": name, "width": width, "height": height,
            "domain": _scanner(piece.number),
        })  # fmt: skip
        for category, centres in ((1, piece.figures), (2, piece.others)):
            for x, y in centres.tolist():
                annotations.append({
                    "id": len(annotations) + 1, "image_id": piece.number,
                    "category_id": category, "bbox": [x - 25, y - 25, x + 25, y + 25],
                })  # fmt: skip
    content = {"info": {"description": "rendered"}, "licenses": [{"name": "MIT"}]}
    content |= {"images": images, "annotations": annotations}
    (folder / "MIDOG.json").write_text(json.dumps(content))
    preset = folder / "tiny.toml"
    preset.write_text(TINY.format(positives="candidates", steps="epochs = 1"))
    return Midog(folder / "images", folder / "MIDOG.json", preset)
