"""Straight lines through an image across which nothing continues: tiles put together wrongly."""

from __future__ import annotations

import numpy as np

from slide.wording import counted

# Step across a line of pixels, by that on both sides of it; median of parts of the line. 92 real
# fields, crops of 900 px, and both as JPEG of quality 30 have 2.9 and less, most along the tiles of
# a compressed slide; a sixth of them in tiles of 200 to 512 px in another order, or turned over,
# 4.1 and more.
MAX_STEP = 3.5
MIN_STEP = 4.0  # grey levels: on glass a step of noise is large by chance
MIN_CONTRAST = 10.0  # grey levels, deviation along a line: all glass continues all other
MIN_LENGTH = 512  # px of a line: over fewer, means vary
_SAMPLES = 1024  # px of a line that are looked at
_PART = 64  # of them whose mean counts: one part of a line may be covered


def torn_lines_warning(pixels: np.ndarray) -> tuple[str, ...]:
    """A warning if there are such lines in (height, width, 3) uint8 RGB."""
    across, down = _torn(pixels), _torn(pixels.swapaxes(0, 1))
    count = len(across) + len(down)
    if not count:
        return ()
    first = f"x = {across[0]} px" if len(across) else f"y = {down[0]} px"
    return (
        f"nothing continues across {counted(count, 'straight line')} through the whole image, the "
        f"first at {first}: tiles in a wrong order, several images in one or strong compression",
    )


def _torn(pixels: np.ndarray) -> np.ndarray:
    """(n,) columns that do not continue the one before."""
    return np.flatnonzero(_steps(pixels) > MAX_STEP)


def _steps(pixels: np.ndarray) -> np.ndarray:
    """(width,) float32: step from the column before, in usual steps; 0 where it says nothing."""
    out = np.zeros(pixels.shape[1], np.float32)
    if len(pixels) < MIN_LENGTH or len(out) < 4:
        return out
    green = pixels[:: max(len(pixels) // _SAMPLES, 1), :, 1].astype(np.float32)
    parts = green[: len(green) // _PART * _PART].reshape(-1, _PART, len(out))
    step = np.abs(np.diff(parts, axis=2)).mean(axis=1)
    contrast = parts.std(axis=1)
    usual = np.maximum((step[:, :-2] + step[:, 2:]) / 2, MIN_STEP)
    structured = np.minimum(contrast[:, 1:-2], contrast[:, 2:-1]) >= MIN_CONTRAST
    out[2:-1] = np.median(np.where(structured, step[:, 1:-1] / usual, 0), axis=0)
    return out
