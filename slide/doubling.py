"""Whether an image was enlarged to twice its size: each second pixel follows from those around it.

Interpolation at other factors has a period (slide/interpolation.py); at exactly 2 all pixels are as
far from the original ones. But then a pixel of an even column is predicted by its neighbours with
other weights than one of an odd column, and nearly without error (A. Popescu, H. Farid, "Exposing
Digital Forgeries by Detecting Traces of Resampling", 2005). Sensors with a colour filter have two
kinds of columns too, but larger errors.
"""

from __future__ import annotations

import numpy as np

# Logarithm of the factor by which weights of the other columns are worse, by the square of the
# error in grey levels. 92 real fields, pieces of 900 px and these as JPEG of quality 30 to 90 have
# 0.13 and less; copies of twice the size 5 and more, as JPEG of quality 90 0.24 and more, but for a
# third of those by Lanczos, and as JPEG of quality 75 half of them 0.19.
MAX_DOUBLING = 0.2
_REACH = 3  # px to either side
_SAMPLES = 1 << 19  # px
_MIN_RANGE = 16  # grey levels among the pixels of a prediction: glass says nothing
_MIN_PREDICTIONS = 2000
_LEAST_ERROR = 0.3  # grey levels: that of rounding
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # JPEG doubles the others


def doubling(pixels: np.ndarray) -> float:
    """How well even and odd columns, or rows, predict themselves, but not each other; 0 and more.

    pixels: (height, width, 3) uint8 RGB. 0 where there is too little to say.
    """
    return max(_along_rows(pixels), _along_rows(pixels.swapaxes(0, 1)))


def _along_rows(pixels: np.ndarray) -> float:
    rows = pixels[:: -(-pixels.shape[0] * pixels.shape[1] // _SAMPLES)] @ _LUMA
    if rows.shape[1] < 4 * _REACH:
        return 0.0
    around = np.lib.stride_tricks.sliding_window_view(rows, 2 * _REACH + 1, axis=1)
    classes = [_predictions(around[:, first::2]) for first in (0, 1)]
    if min(len(known) for known, _ in classes) < _MIN_PREDICTIONS:
        return 0.0
    errors = np.zeros((2, 2))  # with the weights of, in
    for i, (known, wanted) in enumerate(classes):
        weights = np.linalg.lstsq(known[::2], wanted[::2], rcond=None)[0]
        for j, (neighbours, values) in enumerate(classes):
            error = np.sqrt(np.mean((values - neighbours @ weights) ** 2))
            errors[i, j] = max(float(error), _LEAST_ERROR)
    own, others = np.diag(errors), np.diag(errors[:, ::-1])
    return float(np.log((others / own).max()) / own.max() ** 2)


def _predictions(around: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours (n, 2 * _REACH) and values (n,) of pixels with structure around them."""
    flat = around.reshape(-1, 2 * _REACH + 1)
    flat = flat[np.ptp(flat, axis=1) > _MIN_RANGE]
    flat = flat - flat[:, _REACH].mean() if len(flat) else flat
    return np.delete(flat, _REACH, axis=1), flat[:, _REACH]
