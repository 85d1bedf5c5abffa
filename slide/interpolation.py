"""Whether the pixels of an image were interpolated, so that its pixel size may be that of another.

Interpolated pixels lie at distances from the original ones that repeat, and the further away, the
smoother they are. So differences of the second order vary from column to column with a period
(A. Gallagher, "Detection of Linear and Cubic Interpolation in JPEG Compressed Images", 2005).
Torn lines at equal distances have one too: these are looked for before.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from slide.doubling import MAX_DOUBLING, doubling

# Strongest frequency by the median one. 92 real fields and 1104 pieces of 450 to 1500 px have 6.1
# and less, as JPEG of quality 30 to 90 8.2. Pieces of 900 px at 1.1 to 2.5 times the size have 11
# and more, whether bilinear, bicubic or Lanczos, and nearly all as JPEG of quality 90, and if
# enlarged along one side only; at 0.9 times the size half have 13. Exactly twice the size
# is found by slide/doubling.py.
MAX_PERIODICITY = 9.0
_MIN_SIDE = 400  # px
_SAMPLES = 1024  # px of a column that are looked at
_WINDOW = 33  # px: what changes more slowly is the image
_LEAST = 0.6  # grey levels: pure white says nothing
_LOWEST = 0.1  # of a pixel's frequency
_BLOCK, _NEAR = 16, 0.004  # JPEG's blocks, also of halved colours, have multiples of 1/16


def interpolation_warning(pixels: np.ndarray) -> tuple[str, ...]:
    """A warning if (height, width, 3) uint8 RGB was interpolated along rows or columns."""
    if periodicity(pixels) <= MAX_PERIODICITY and doubling(pixels) <= MAX_DOUBLING:
        return ()
    return (
        "the pixels were interpolated, as where an image was enlarged, reduced or turned, or a "
        "pattern lies over them: the pixel size must be that of the result",
    )


def periodicity(pixels: np.ndarray) -> float:
    """Strongest frequency by the median one, along rows or columns; 0 for small images.

    pixels: (height, width, 3) uint8 RGB.
    """
    if min(pixels.shape[:2]) < _MIN_SIDE:
        return 0.0
    green = pixels[..., 1]
    return max(_along_rows(green), _along_rows(green.T))


def _along_rows(green: np.ndarray) -> float:
    some = green[:: max(len(green) // _SAMPLES, 1)].astype(np.float32)
    bend = np.abs(some[:, 2:] - 2 * some[:, 1:-1] + some[:, :-2]).mean(axis=0)
    slow = ndimage.uniform_filter1d(bend, _WINDOW)
    # Borders of glass, or of an image in the image, have all frequencies: left out, or cut off.
    least = ndimage.minimum_filter1d(ndimage.uniform_filter1d(bend, _WINDOW // 4), _WINDOW)
    relative = np.clip(bend / np.maximum(slow, _LEAST) - 1, -1, 1)
    profile = np.where(least > _LEAST, relative, 0)[_WINDOW:-_WINDOW]
    power = np.abs(np.fft.rfft(profile * np.hanning(len(profile))))
    frequency = np.fft.rfftfreq(len(profile))
    seen = frequency > _LOWEST
    usual = np.full(len(power), max(float(np.median(power[seen])), 1e-6))
    multiple = np.round(frequency * _BLOCK)
    of_blocks = np.abs(frequency - multiple / _BLOCK) < _NEAR
    others = of_blocks & (multiple % (_BLOCK // 4) != 0)
    # Blocks have all multiples, an image of 4/3 the size only those of 1/4.
    usual[of_blocks] = np.maximum(usual[of_blocks], power[others].max(initial=0))
    seen &= ~others & (frequency < 0.5 - _NEAR)
    return float((power / usual)[seen].max())
