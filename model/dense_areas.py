"""Areas as dark and blue as nuclei, but longer: ink, or crowded nuclei.

Navy and violet ink can have the colour of haematoxylin, so colour cannot tell it from nuclei; its
extent can. Such areas remain tissue and are searched, but the threshold of the blue ratio is not
estimated from them: a single stroke would raise it, and hide candidates in the whole image.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from model.blue_ratio import blue_ratio
from slide.tissue import Kind, TissueMap

# Blue ratio of cells over the median, in distances from the median to the third quartile: of what
# begins an area, and of what belongs to one.
STROKE, BESIDE = 5.0, 3.0
MIN_LENGTH_UM = 48.0
# Of the tissue. 92 fields have up to 0.0029 (`python -m experiments.image_limits DATA`); with the
# strokes of 5 to 15 µm that test/model/test_dense_areas.py draws, 37 of 40 fields and crops of
# fields have 0.007 to 0.09.
MIN_SHARE = 0.004
_SQUARE = np.ones((3, 3), bool)


def mark_dense(tissue_map: TissueMap) -> TissueMap:
    """The map with dense areas marked, and the cells around them; the map itself without any."""
    far_bluer, bluer = _bluer(tissue_map)
    strokes = _long(far_bluer, tissue_map)
    if _share(strokes, tissue_map) <= MIN_SHARE:
        return tissue_map
    whole = ndimage.binary_propagation(strokes, _SQUARE, mask=bluer)
    dense = ndimage.binary_dilation(whole, _SQUARE) & tissue_map.tissue
    return replace(tissue_map, kinds=np.where(dense, np.uint8(Kind.DENSE), tissue_map.kinds))


def dense_share(tissue_map: TissueMap) -> float:
    """Share of the tissue, 0 to 1, in areas that are far bluer and long, however small it is."""
    far_bluer, _ = _bluer(tissue_map)
    return _share(_long(far_bluer, tissue_map), tissue_map)


def _share(cells: np.ndarray, tissue_map: TissueMap) -> float:
    return float(cells.sum() / max(tissue_map.tissue.sum(), 1))


def _long(cells: np.ndarray, tissue_map: TissueMap) -> np.ndarray:
    """(rows, columns) bool: those of the cells in connected areas that are long enough."""
    areas, _ = ndimage.label(cells, _SQUARE)
    boxes: list[tuple[slice, slice]] = ndimage.find_objects(areas)
    sides = [max(y.stop - y.start, x.stop - x.start) for y, x in boxes]
    return np.asarray(np.array([0, *sides])[areas] * tissue_map.cell_mpp >= MIN_LENGTH_UM)


def _bluer(tissue_map: TissueMap) -> tuple[np.ndarray, np.ndarray]:
    """Two (rows, columns) bool: cells of tissue bluer than the median by STROKE, and by BESIDE.

    Cells beside black and pen marks, and along the image's border, where there may be a thin frame,
    do not count: they may show some of it.
    """
    beside = ndimage.binary_dilation(tissue_map.excluded, _SQUARE, border_value=1)
    tissue = tissue_map.tissue & ~beside
    if not tissue.any():
        return tissue, tissue
    values = blue_ratio(tissue_map.colours, "full")
    median, quartile = np.quantile(values[tissue], (0.5, 0.75))
    far, near = (median + distances * (quartile - median) for distances in (STROKE, BESIDE))
    return tissue & (values > far), tissue & (values > near)
