"""Write an image as TIFF with its pixel size, as a scanner does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile


def write_tiff(
    path: Path, pixels: np.ndarray, mpp: float | tuple[float, float], **options: Any
) -> None:
    """Write (height, width, 3) uint8 RGB with its pixel size, µm (x, y), as resolution tags.

    options: further arguments of tifffile.imwrite, such as tile or compression.
    """
    x, y = (mpp, mpp) if isinstance(mpp, (int, float)) else mpp
    resolution = {"resolution": (1e4 / x, 1e4 / y), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(
        path, pixels, photometric="rgb", metadata=None, software=False, **resolution | options
    )
