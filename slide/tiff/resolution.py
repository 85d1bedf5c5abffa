"""The resolution tags of a TIFF page: XResolution, YResolution and ResolutionUnit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import IntEnum

import tifffile

from slide.pixel_size import Statement

INCH, CENTIMETRE = 2, 3  # TIFF 6.0, tag ResolutionUnit
# Millimetre and micrometre are of EXIF.
MILLIMETRES_PER_UNIT = {INCH: 25.4, CENTIMETRE: 10.0, 4: 1.0, 5: 0.001}
_NO_UNIT = (None, 1)
_RATIONAL = (5, 10)  # TIFF 6.0, field types: unsigned and signed fractions
_NUMBERS = (3, 4, 8, 9, 11, 12, 16, 17)  # integers of 16 to 64 bits, and floating point
_NDPI_FORMAT = 65420  # Hamamatsu's tag for the format of the file
TAGS = "resolution tags"
NDPI = "resolution tags of a Hamamatsu NDPI file"


def resolution(page: tifffile.TiffPage, axis: str) -> tuple[float, float] | None:
    """XResolution or YResolution as a fraction (pixels, units); None where it says nothing.

    Raises ValueError with the reason if the tag cannot be understood.
    """
    tag = page.tags.get(f"{axis}Resolution")
    if tag is None:
        return None
    fractions = list(_fractions(tag))
    if len({n * fractions[0][1] - fractions[0][0] * d for n, d in fractions}) != 1:
        raise ValueError(f"{tag.name} has {len(fractions)} values")
    pixels, units = fractions[0]
    if not (math.isfinite(pixels) and math.isfinite(units) and pixels >= 0 and units >= 0):
        raise ValueError(f"{tag.name} is not a positive number")
    return None if 0 in (pixels, units) else (pixels, units)


def _fractions(tag: tifffile.TiffTag) -> Iterator[tuple[float, float]]:
    value = tag.value if isinstance(tag.value, tuple) else (tag.value,)
    if tag.dtype in _RATIONAL and len(value) >= 2:
        yield from zip(value[::2], value[1::2], strict=True)
    elif tag.dtype in _NUMBERS and value:
        yield from ((number, 1) for number in value)
    else:
        raise ValueError(f"{tag.name} is not a number")


def of_resolution_tags(page: tifffile.TiffPage) -> Statement | None:
    """mm per pixel by the tags; None without them, or if both resolutions are 0."""
    source = NDPI if _NDPI_FORMAT in page.tags else TAGS
    try:
        fractions = [resolution(page, axis) for axis in "XY"]
    except ValueError as error:
        return Statement(source, None, str(error))
    if fractions == [None, None]:
        return None
    x, y = fractions
    if x is None or y is None:
        return Statement(source, None, "one of XResolution and YResolution is missing or 0")
    unit = page.tags.valueof("ResolutionUnit")
    if unit in _NO_UNIT:
        return Statement(source, None, "no unit")
    millimetres = MILLIMETRES_PER_UNIT.get(unit) if isinstance(unit, int) else None
    if millimetres is None:
        shown = int(unit) if isinstance(unit, IntEnum) else ascii(unit)[:20]
        return Statement(source, None, f"ResolutionUnit {shown} is unknown")
    return Statement(source, (millimetres * x[1] / x[0], millimetres * y[1] / y[0]))
