"""What the benchmark is measured on: an image, patches of it, and a source of other patches."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from batch.options import ROOT
from experiments import plain
from model.activations import activations_below
from model.candidates import PAPER_LITERAL, find_candidates
from model.network import MitosisNetwork
from model.patches import PatchCutter
from model.precision import Precision, choose_precision
from model.source_bank import SourceBank, quantise
from model.weights import load_weights
from slide.read import read_image

MPP = 0.25  # µm per pixel of all images here
SAMPLE = ROOT / "test" / "images" / "rendered.tiff"
UNIQUE_ENTRIES = 2000  # different patches that the bank is drawn from
MITOTIC_SHARE = 0.001  # paper, section 2.2: 10 of 10,000


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        image: width, height in px.
        entries: of the bank.
        candidates: that are adapted to.
        plain_steps: of the plain loop that are timed; None for the whole schedule.
        steps: of the detector's adaptation that are timed; None for the whole schedule.
        classified: patches that the plain version classifies, extrapolated to all.
        repeats: the best of so many for what takes less than a second.
        field: side in px of the part that four runs at once process.
    """

    image: tuple[int, int] = (7215, 5412)  # of MIDOG's first scanner
    entries: int = 30_000  # paper, section 2.2
    candidates: int = 17_500  # an image (873,000 from 50 images: paper, section 3)
    plain_steps: int | None = 60
    steps: int | None = 200
    classified: int = 1024
    repeats: int = 5
    field: int = 2084  # of the fields of ICPR 2012


SIZES = {
    "default": Size(),
    "quick": Size((900, 700), 256, 128, 2, 4, 128, 2, 300),
    "full": Size(plain_steps=None, steps=None, classified=17_500),
}


class Scene(NamedTuple):
    """What everything is measured on.

    Attributes:
        network: as shipped, channels last, on the device.
        pixels: (height, width, 3) uint8.
        source: of the plain loop.
        target: (n, 64, 64, 3) uint8 patches of the image.
        cut: of the shipped bank.
        reversal_weight: of the weights' card.
        precision: that the detector chooses here.
        device: the processor or a GPU.
    """

    network: MitosisNetwork
    pixels: np.ndarray
    source: plain.Source
    target: torch.Tensor
    cut: int
    reversal_weight: float
    precision: Precision
    device: torch.device


def load_scene(weights: Path, cut: int, size: Size, device: torch.device) -> Scene:
    """Network, image, source and target.

    Raises:
        ValueError, OSError: weights or images cannot be read.
    """
    network, card = load_weights(weights)
    fields, other = tissue()
    pixels = mosaic(fields, size.image)
    random = np.random.default_rng(0)
    target = _drawn(pixels, size.candidates, size.candidates, random)
    patches = _drawn(other, size.entries, UNIQUE_ENTRIES, random)
    source = plain.Source(
        patches,
        torch.from_numpy((np.arange(size.entries) < MITOTIC_SHARE * size.entries).astype(np.int64)),
        torch.from_numpy(random.integers(0, network.source_domains, size.entries)),
    )
    return Scene(
        network.to(device, memory_format=torch.channels_last),  # type: ignore[call-overload]
        pixels,
        source,
        target,
        cut,
        card.reversal_weight,
        choose_precision("auto", device),
        device,
    )


def tissue() -> tuple[list[np.ndarray], np.ndarray]:
    """Fields (height, width, 3) uint8 for the image, and another one for the bank."""
    if "MITOSIS_DATA" not in os.environ:
        sample = read_image(SAMPLE).pixels
        return [sample], sample
    paths = sorted((Path(os.environ["MITOSIS_DATA"]) / "fields_a" / "images").glob("*.jpg"))
    if len(paths) < 2:
        raise FileNotFoundError("MITOSIS_DATA holds no fields_a/images")
    return [read_image(path, MPP).pixels for path in paths[:12]], read_image(paths[-1], MPP).pixels


def mosaic(fields: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """An image of (width, height) px composed of fields, repeated where they are too few."""
    pixels = np.empty((size[1], size[0], 3), np.uint8)
    height, width = fields[0].shape[:2]
    places = [(y, x) for y in range(0, size[1], height) for x in range(0, size[0], width)]
    for number, (y, x) in enumerate(places):
        place = pixels[y : y + height, x : x + width]
        place[:] = fields[number % len(fields)][: place.shape[0], : place.shape[1]]
    return pixels


def bank_at(scene: Scene, cut: int) -> SourceBank:
    """The source as a bank at a cut, on the device."""
    patches, mitotic, domain = scene.source
    values, scales = patches, torch.zeros(0)
    if cut > 0:
        different, place = np.unique(patches.flatten(1).numpy(), axis=0, return_inverse=True)
        shape = (len(different), *patches.shape[1:])
        activations = activations_below(
            scene.network, torch.from_numpy(different).view(shape), cut, scene.precision
        )
        levels, scales = quantise(activations.float())
        values = levels[torch.from_numpy(place.reshape(-1)).to(levels.device)]
    none = torch.zeros(len(patches), dtype=torch.bool)
    names = [str(number) for number in range(scene.network.source_domains)]
    bank = SourceBank(cut, values, scales, domain, mitotic, none, none, names, "")
    return bank.to(scene.device)


def _drawn(
    pixels: np.ndarray, count: int, different: int, random: np.random.Generator
) -> torch.Tensor:
    """(count, 64, 64, 3) uint8 patches drawn with replacement from at most so many different."""
    centres = find_candidates(pixels, PAPER_LITERAL)
    if len(centres) == 0:
        raise ValueError("no candidate in the tissue to measure on")
    patches = PatchCutter(pixels).cut(random.permutation(centres)[:different])
    return patches[torch.from_numpy(random.integers(0, len(patches), count))]
