"""As many patches as MIDOG 2021 gives the paper's training, out of memory-mapped files (slow).

The files are as large as the images and without content: this is about memory and bookkeeping.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import pytest

from training.batches import EveryPatch
from training.midog import MidogImage
from training.midog_store import StoredImage, collect_samples
from training.mixture import Mixture, batches_per_epoch

pytestmark = pytest.mark.slow

SIZE = (5412, 7215)  # px (height, width)
IMAGES = 120  # 80 % of 150
CANDIDATES = 17_500  # of an image; the paper had 873,000 of 50
SCANNERS = ("hamamatsu_xr_utrecht", "hamamatsu_s360_utrecht", "aperio_cs2_utrecht")


def stored(number: int, folder: Path, random: np.random.Generator) -> StoredImage:
    """An image of the store: a file with holes in place of pixels, candidates anywhere in it."""
    path = folder / f"{number:03d}.npy"
    pixels = np.lib.format.open_memmap(path, "w+", np.uint8, (*SIZE, 3))
    del pixels
    centres = random.uniform((0, 0), SIZE[::-1], (CANDIDATES, 2)).astype(np.float32)
    figures = centres[:10].astype(np.float64)
    image = MidogImage(
        path, SCANNERS[number % 3], True, figures, figures[:0], SIZE[::-1], (2.5e-4, 2.5e-4)
    )
    return StoredImage(np.load(path, mmap_mode="r"), centres, image)


def own_memory() -> float:
    """GiB of this process without the files it has mapped, whose pages the system takes back."""
    status = Path("/proc/self/status").read_text()
    (kilobytes,) = re.findall(r"RssAnon:\s+(\d+) kB", status)
    return int(kilobytes) / 2**20


def test_two_million_patches(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    before = own_memory()
    images = [stored(number, tmp_path, random) for number in range(IMAGES)]
    started = time.monotonic()
    samples = collect_samples(images, sorted(SCANNERS), "candidates")
    source = EveryPatch(samples, Mixture(size=128), None, seed=0)
    collected = time.monotonic() - started
    batches = batches_per_epoch(len(samples), 128)
    print(f"\n{samples.describe()}\n{len(samples):,} patches, {batches:,} batches an epoch")
    started = time.monotonic()
    drawn = list(source.steps(0, 50))
    rate = 50 * 128 / (time.monotonic() - started)
    memory = own_memory() - before
    print(f"collected in {collected:.1f} s, {rate:,.0f} patches a second, {memory:.1f} GiB more")
    assert len(samples) == IMAGES * CANDIDATES and len(drawn[0].patches) == 128
    assert collected < 120, "seconds"
    assert memory < 3, "GiB: the pixels of 14 GB stay in their files"
    order = np.concatenate([source._choose(random, step) for step in range(100)])
    assert len(np.unique(order)) == len(order) == 12_800, "no patch twice in an epoch"
