"""Reads the images of a run: no links out of the input, and no more than memory holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from batch.links import leads_out
from slide.checks import shown_size
from slide.image import Image, ImageError
from slide.memory import BY_RGBA, GIB, MemoryBudget, available_memory, check_memory
from slide.pixel_size import OPTION
from slide.read import read_header, read_image
from slide.training_view import slide_memory
from slide.whole_slide import WholeSlide, is_whole_slide

MANIFEST = "manifest"  # the source of a pixel size that is stated there
BYTES_AHEAD = 8  # a pixel of an image that is read ahead: RGB, and what decoding takes besides
MAX_PIXELS_AHEAD = 2 * 10**8  # of an image that waits: 600 MB, five times an image of MIDOG 2021


def source_of(path: Path) -> Path | None:
    """Folder that images must lie in; None for a file that the user named, which may be a link."""
    return path if path.is_dir() else None


def memory_limit(stated: float | None) -> int:
    """Bytes that the process may take: stated GiB, or most of the memory."""
    return available_memory() if stated is None else int(stated * GIB)


@dataclass(frozen=True)
class Reading:
    """How the images of a run are read.

    Attributes:
        source: folder that images must lie in; None to follow links anywhere.
        mpp: µm per pixel, which replaces what the files say; None to trust them.
        budget: memory that an image may take; None for no limit.
        mpp_of: what the manifest states in place of `mpp`, by the path of the image.
    """

    source: Path | None = None
    mpp: float | None = None
    budget: MemoryBudget | None = None
    mpp_of: Mapping[Path, float] = field(default_factory=dict)

    def stated_mpp(self, path: Path) -> float | None:
        """µm per pixel that the user states for an image; None to trust the file."""
        return self.mpp_of.get(path, self.mpp)

    def _mpp_source(self, path: Path) -> str:
        return MANIFEST if path in self.mpp_of else OPTION

    def read(self, path: Path) -> Image | WholeSlide:
        """The image of a file; a whole slide is opened only.

        Raises:
            ImageError: it cannot be used.
        """
        if self.is_elsewhere(path):
            raise ImageError(
                "a link out of the input folder: put the file itself there, or give its own folder"
            )
        try:
            if is_whole_slide(path):
                return self._open_slide(path)
            return read_image(path, self.stated_mpp(path), self.budget, self._mpp_source(path))
        except OSError as error:
            raise ImageError(f"cannot be read ({error.strerror or error}): try again") from error

    def _open_slide(self, path: Path) -> WholeSlide:
        slide = WholeSlide(path, self.stated_mpp(path), self._mpp_source(path))
        refusal = self.budget and self.budget.refusal(*slide_memory(slide))
        if refusal:
            raise ImageError(f"{shown_size(slide.size)} pixels: {refusal} (--max-memory)")
        return slide

    def is_elsewhere(self, path: Path) -> bool:
        """Whether an image is a link out of the input folder."""
        return self.source is not None and leads_out(path, self.source)

    def has_memory_for(self, image: Image) -> bool:
        """Whether the budget has room for an image in any format."""
        try:
            check_memory(image.size, image.spacing, BY_RGBA, self.budget)
        except ImageError:
            return False
        return True

    def may_wait(self, path: Path, held: int) -> bool:
        """Whether an image may wait in memory beside the one at work, which holds so many bytes.

        Only TIFF files state their size before they are read.

        Raises:
            ImageError: the header cannot be read.
        """
        if is_whole_slide(path):
            return False  # nothing to gain: it is only opened
        pixels, budget = math.prod(read_header(path, self.stated_mpp(path)).size), self.budget
        if pixels > MAX_PIXELS_AHEAD or budget is None:
            return pixels <= MAX_PIXELS_AHEAD
        beside = held * (1 + budget.detecting / 3) + pixels * BYTES_AHEAD
        return budget.refusal(0, beside) is None
