"""One image of 20,000 x 20,000 px within 4 GiB: the peak of process.py's resident memory.

The image is made of JPEG tiles, as scanners write them: what takes the most memory to decode. Some
tiles are rendered tissue, the others empty glass. Of 100 tiles 40 with tissue have about 1,400
candidates each, together more than are kept; beside much glass the threshold lies above the nuclei.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

from experiments import peak_memory
from test.rendering import render_tissue

ROOT = Path(__file__).resolve().parents[2]
TILE = 2000  # px, a multiple of 16 as TIFF demands
GLASS = (243, 240, 242)


@dataclass(frozen=True)
class Measured:
    """Of one run: exit status, peak resident memory in bytes, candidates, seconds."""

    status: int
    peak: int
    candidates: int
    seconds: float


def write_large_image(path: Path, side: int, tissue: int) -> None:
    """A TIFF of side x side px, of which `tissue` tiles show tissue."""
    stained = np.tile(render_tissue((TILE // 2, TILE // 2), figures=8, seed=1)[0], (2, 2, 1))
    glass = np.full_like(stained, GLASS)
    tiles = (-(-side // TILE)) ** 2

    def every_tile() -> Iterator[np.ndarray]:
        for number in range(tiles):
            yield stained if number < tissue else glass

    tifffile.imwrite(
        path, every_tile(), shape=(side, side, 3), dtype=np.uint8, photometric="rgb",
        tile=(TILE, TILE), compression="jpeg", resolution=(40000, 40000),
        resolutionunit="CENTIMETER", metadata=None,
    )  # fmt: skip


def measure(folder: Path, side: int, tissue: int, gibibytes: float, *options: str) -> Measured:
    """Process one image under --max-memory; `options` are further ones of process.py."""
    (folder / "in").mkdir(parents=True)
    write_large_image(folder / "in" / "large.tif", side, tissue)
    places = ["--input", str(folder / "in"), "--output", str(folder / "out")]
    command = [sys.executable, "process.py", *places, "--max-memory", str(gibibytes), *options]
    started = time.monotonic()
    ended = peak_memory.run(command, ROOT)
    result = json.loads((folder / "out" / "result.json").read_text())
    return Measured(
        status=ended.status,
        peak=ended.peak,
        candidates=result.get("candidates", 0),
        seconds=time.monotonic() - started,
    )
