"""How much memory there is, and how much of it an image may take.

An image is decoded as a whole; what follows goes over it in stripes and patches. So the most that
it takes follows from its header, and one that would take too much is refused before it is read.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slide.checks import CUT_OUT, shown_size
from slide.control_group import ROOT, group_folders
from slide.image import ImageError
from slide.resample import is_near, resampled_size

GIB = 1 << 30
# Bytes that decoding takes for a pixel at most, by the peak of the process over an image of
# 8000x8000: tifffile fills the array, SimpleITK copies RGB once and makes JPEG by way of RGBA.
FILLED, COPIED, BY_RGBA = 4, 6, 8
# Of a limit that nobody has stated, what this process may take: the rest is for the system.
SHARE = 0.9


@dataclass(frozen=True)
class MemoryBudget:
    """What the process may take.

    Attributes:
        limit: bytes in all.
        resting: bytes of that while an image is read: libraries, network and bank.
        working: bytes while it is processed, without its pixels: patches and activations too
            (model/detector.py has the measured figures).
        detecting: bytes that finding candidates takes for a pixel, besides the pixel.
    """

    limit: int
    resting: int
    working: int
    detecting: float

    def refusal(self, reading: float, processing: float) -> str | None:
        """Why an image whose pixels take so many bytes cannot be processed, or None if it can."""
        needed = max(self.resting + reading, self.working + processing)
        if needed <= self.limit:
            return None
        return f"{needed / GIB:.1f} GiB of memory are needed, {self.limit / GIB:.1f} allowed"


def check_memory(
    size: Sequence[int],
    spacing: tuple[float, float],
    decoding: float,
    budget: MemoryBudget | None,
) -> None:
    """Raise ImageError for an image that would take too much, to decode or thereafter.

    size: px (width, height); spacing: mm per pixel (x, y); decoding: bytes a pixel; budget: None
    for no limit.
    """
    if budget is None:
        return
    width, height = size
    pixels, mpp = width * height, (spacing[0] * 1000, spacing[1] * 1000)
    detecting = pixels * (3 + budget.detecting)
    if not is_near(mpp):
        resampled = math.prod(resampled_size((width, height), mpp))
        # Channel by channel, so Pillow holds a plane of either size and one halfway.
        resampling = pixels * (3 + 1) + resampled * (3 + 1) + max(pixels, resampled)
        detecting = max(resampling, pixels * 3 + resampled * (3 + budget.detecting))
    refusal = budget.refusal(pixels * decoding, detecting)
    if refusal is not None:
        raise ImageError(f"{shown_size(size)} pixels: {refusal} (--max-memory); {CUT_OUT}")


def available_memory(root: Path = ROOT) -> int:
    """Bytes that this process can have: the machine's, or less where its control group has a limit.

    root: of the file system, for tests. Both versions of control groups are understood.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(min([machine, *_group_limits(root)]) * SHARE)


def _group_limits(root: Path) -> list[int]:
    """Limits of this process's control group and of those above it."""
    names = {1: "memory.limit_in_bytes", 2: "memory.max"}
    limits = [_limit(folder / names[v]) for v, folder in group_folders(root, "memory")]
    return [limit for limit in limits if limit is not None]


def _limit(path: Path) -> int | None:
    """The number in a file; None for "max", or where there is none to read."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
