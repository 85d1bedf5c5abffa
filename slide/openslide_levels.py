"""Scanner vendors' formats, read by OpenSlide. Label and macro images are never asked for."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import openslide
from PIL import ImageCms

from slide.checks import EXPORT_AGAIN
from slide.colour_profile import profile_warning
from slide.image import ImageError
from slide.levels import WHITE
from slide.pixel_size import Statement
from slide.tiff.resolution import CENTIMETRE, INCH, MILLIMETRES_PER_UNIT, TAGS
from slide.tiff.streams import TileStreams
from slide.tiff.tables import table_warnings
from slide.tiff.vendors import ANOTHER_SIZE, describes_another_size, positive_number

CACHE_BYTES = 1 << 26  # of decoded tiles
GENERIC = "generic-tiff"  # a tiled TIFF without a vendor's fields
_UNITS = {"inch": INCH, "centimeter": CENTIMETRE}  # by OpenSlide's names


def vendor(path: Path) -> str | None:
    """OpenSlide's name of the vendor's format; None for a generic TIFF and for other files."""
    found = openslide.OpenSlide.detect_format(path)
    return None if found == GENERIC else found


class OpenSlideLevels:
    """The levels of a vendor's file (see Levels)."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            ImageError: OpenSlide does not open it.
        """
        try:
            self._slide = openslide.OpenSlide(path)
        except openslide.OpenSlideError as error:
            raise ImageError(f"OpenSlide cannot open it ({error}): {EXPORT_AGAIN}") from error
        self._slide.set_cache(openslide.OpenSlideCache(CACHE_BYTES))
        self.format = str(self._slide.properties[openslide.PROPERTY_NAME_VENDOR])
        self.sizes = [(int(w), int(h)) for w, h in self._slide.level_dimensions]
        self._streams = TileStreams(path, self.sizes)
        self.stated = _stated(self._slide)
        self.warnings = table_warnings(path) + profile_warning(_profile(self._slide))

    def read(self, level: int, left: int, top: int, width: int, height: int) -> np.ndarray:
        """(height, width, 3) uint8 RGB of a region of a level; what the scanner left out is white.

        OpenSlide takes the corner in px of level 0, which is exact where a level's sides divide.

        Raises:
            ImageError: the region cannot be decoded, or a tile that it touches is damaged.
        """
        self._streams.check(level, left, top, width, height)
        scale = [
            of_base / own for of_base, own in zip(self.sizes[0], self.sizes[level], strict=True)
        ]
        corner = round(left * scale[0]), round(top * scale[1])
        try:
            region = self._slide.read_region(corner, level, (width, height))
        except openslide.OpenSlideError as error:
            raise ImageError(f"damaged, cannot be decoded ({error}): {EXPORT_AGAIN}") from error
        return _on_white(np.asarray(region))

    def close(self) -> None:
        """Close the file."""
        self._streams.close()
        self._slide.close()


def _stated(slide: openslide.OpenSlide) -> list[Statement]:
    """The vendor's pixel size, in µm in x and y, and for Aperio's TIFF files that of their tags."""
    names = openslide.PROPERTY_NAME_MPP_X, openslide.PROPERTY_NAME_MPP_Y
    try:
        x, y = (float(slide.properties[name]) for name in names)
    except (KeyError, ValueError):
        return []
    vendor_name = slide.properties[openslide.PROPERTY_NAME_VENDOR]
    described = slide.properties.get("tiff.ImageDescription", "")
    if vendor_name == "aperio" and describes_another_size(described, slide.dimensions):
        return [Statement("aperio mpp", None, ANOTHER_SIZE)]
    stated = Statement(f"{vendor_name} mpp", (x / 1e3, y / 1e3), magnification=_apparent(slide))
    return [stated, *(_of_tags(slide) if vendor_name == "aperio" else [])]


def _of_tags(slide: openslide.OpenSlide) -> list[Statement]:
    """By the resolution tags, where they have a unit."""
    try:
        unit = MILLIMETRES_PER_UNIT[_UNITS[slide.properties["tiff.ResolutionUnit"]]]
        x, y = (unit / float(slide.properties[f"tiff.{axis}Resolution"]) for axis in "XY")
    except (KeyError, ValueError, ZeroDivisionError):
        return []
    return [Statement(TAGS, (x, y))]


def _apparent(slide: openslide.OpenSlide) -> float | None:
    """Aperio's apparent magnification. Others state that of the objective, without adapters."""
    return positive_number(slide.properties.get("aperio.AppMag"))


def _profile(slide: openslide.OpenSlide) -> bytes:
    """The colour profile; empty without one, or where it is damaged."""
    with contextlib.suppress(ImageCms.PyCMSError, OSError, openslide.OpenSlideError):
        profile = slide.color_profile
        return b"" if profile is None else profile.tobytes()
    return b""


def _on_white(rgba: np.ndarray) -> np.ndarray:
    """(height, width, 4) uint8 RGBA laid on white."""
    alpha = rgba[..., 3]
    if (alpha == 255).all():
        return np.ascontiguousarray(rgba[..., :3])
    share = alpha[..., None].astype(np.float32) / 255
    return np.asarray(np.rint(rgba[..., :3] * share + WHITE * (1 - share)), np.uint8)
