"""What a file with a pyramid of levels offers, whichever library reads it."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from slide.pixel_size import Statement

WHITE = 255


class Levels(Protocol):
    """Levels of a slide, the finest first. They open when made and close with `close`.

    Attributes:
        format: name of the format, such as "aperio".
        sizes: (width, height) of each level in px.
        stated: what the file says about the pixel size of the finest level.
        warnings: what it says about colours or orientation that is ignored, and which tiles were
            left out, a sentence each.
    """

    format: str
    sizes: list[tuple[int, int]]
    stated: list[Statement]
    warnings: tuple[str, ...]

    def read(self, level: int, left: int, top: int, width: int, height: int) -> np.ndarray:
        """(height, width, 3) uint8 RGB of a region inside a level, given in px of that level.

        Raises:
            ImageError: the region cannot be decoded.
        """
        ...

    def close(self) -> None:
        """Close the file."""
        ...
