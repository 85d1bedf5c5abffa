"""All that a TIFF page states about its pixel size."""

from __future__ import annotations

import tifffile

from slide.pixel_size import Statement
from slide.tiff.resolution import of_resolution_tags
from slide.tiff.vendors import VENDORS


def stated_pixel_sizes(page: tifffile.TiffPage) -> list[Statement]:
    """Every field that says something: first the resolution tags, which other readers use."""
    statements = [of_resolution_tags(page), *(read(page) for read in VENDORS)]
    return [statement for statement in statements if statement is not None]
