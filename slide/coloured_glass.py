"""Tissue that is as even as glass, but coloured: it may be glass with a colour cast."""

from __future__ import annotations

from slide.tissue import MAX_GLASS_DEVIATION, TissueMap
from slide.windows import cells_of, windows


def even_share(tissue_map: TissueMap) -> float:
    """Share of the tissue, 0 to 1, in any 3x3 cells that are as even as glass; 0 without tissue."""
    tissue = tissue_map.tissue
    if not tissue.any():
        return 0.0
    even = windows(tissue_map.colours).deviation < MAX_GLASS_DEVIATION
    return float(cells_of(even)[tissue].mean())
