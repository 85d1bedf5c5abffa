"""Transparency: compose on white, which is what glass looks like."""

from __future__ import annotations

import numpy as np

from slide.checks import EXPORT_IN_COLOUR
from slide.image import ImageError

_ROWS = 256  # at a time, so that the arithmetic takes little memory
_ROUNDING = 16  # grey levels by which lossy codecs let a premultiplied colour exceed its alpha
_INVISIBLE = 16  # of 255: an image without a more opaque pixel shows nothing
NOT_PREMULTIPLIED = (
    "its alpha is marked as premultiplied, but colours exceed it: taken as not premultiplied"
)


def on_white(pixels: np.ndarray, premultiplied: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    """Compose (height, width, 4) uint8 RGBA on white.

    premultiplied: whether the colours are multiplied by alpha already (associated alpha).
    Returns (height, width, 3) uint8 and warnings. Raises ImageError if nothing is visible.
    """
    alpha = pixels[..., 3]
    if alpha.min() == 255:
        return np.ascontiguousarray(pixels[..., :3]), ()
    if alpha.max() <= _INVISIBLE:
        raise ImageError(f"its alpha channel makes all of it transparent: {EXPORT_IN_COLOUR}")
    share = _share(alpha)
    shown = "less than 0.1%" if share < 0.001 else f"{share:.1%}"
    warnings = [f"{shown} of it is fully or partly transparent: composed on white"]
    if premultiplied and _exceeds_alpha(pixels):
        premultiplied = False
        warnings.append(NOT_PREMULTIPLIED)
    compose = _add if premultiplied else _blend
    out = np.empty((*alpha.shape, 3), np.uint8)
    for top in range(0, len(out), _ROWS):
        rows = pixels[top : top + _ROWS].astype(np.uint16)
        out[top : top + _ROWS] = compose(rows[..., :3], rows[..., 3:])
    return out, tuple(warnings)


def _add(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.asarray(np.minimum(colour + (255 - alpha), 255))


def _blend(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.asarray((colour * alpha + 255 * (255 - alpha) + 127) // 255)


def _share(alpha: np.ndarray) -> float:
    return float(np.count_nonzero(alpha < 255)) / alpha.size


def _exceeds_alpha(pixels: np.ndarray) -> bool:
    """Whether a partly transparent pixel is brighter than premultiplication allows."""
    return any(
        bool(np.any((rows[..., 3] > 0) & (rows[..., :3].max(axis=-1) > limit)))
        for rows in (pixels[top : top + _ROWS] for top in range(0, len(pixels), _ROWS))
        for limit in [rows[..., 3].astype(np.int16) + _ROUNDING]
    )
