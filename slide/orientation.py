"""TIFF and EXIF Orientation: the pixels stay as they are stored, whatever the tag says.

Coordinates then refer to the stored rows and columns, for every codec alike. Viewers may turn or
mirror the image for display.
"""

from __future__ import annotations

import numpy as np

# libtiff's RGBA interface, and so SimpleITK, mirrors by this tag and never transposes
# (setorientation in tif_getimage.c): steps along (rows, columns) for each orientation.
_LIBTIFF_STEPS = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}


def as_stored(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undo the mirroring of (height, width, n) pixels by libtiff; a view."""
    rows, columns = _LIBTIFF_STEPS.get(orientation, (1, 1))
    return pixels[::rows, ::columns]


def orientation_warning(orientation: int | None) -> tuple[str, ...]:
    """One warning if the tag asks for another orientation than the stored one, else none."""
    if orientation not in range(2, 9):
        return ()
    return (
        f"Orientation {orientation} is ignored: coordinates refer to the stored pixels, "
        "which viewers may turn or mirror",
    )
