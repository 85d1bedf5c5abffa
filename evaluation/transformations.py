"""How a file may state positions other than in px of the image from its top left corner."""

from collections.abc import Callable

import numpy as np

# From positions (n, 2) as stated, the last pixel (x, y) and µm per pixel (x, y) to positions in px.
Transformation = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

# Between the levels of slides, or 0.25 and 0.5 µm per pixel.
LEVELS = (2, 4, 8, 16, 32, 0.5, 0.25)
# Between images of slightly different pixel sizes: so dense that a factor between two of them is
# wrong by 5 px, or 1 µm, at most in a field of 2000 px.
FACTORS = tuple(round(n / 200, 3) for n in range(101, 400) if n != 200)


def _exchanged(stated: np.ndarray, _last: np.ndarray, _mpp: np.ndarray) -> np.ndarray:
    return np.asarray(stated[:, ::-1])


def _from_bottom(stated: np.ndarray, last: np.ndarray, _mpp: np.ndarray) -> np.ndarray:
    return np.stack([stated[:, 0], last[1] - stated[:, 1]], axis=1)


def _from_right(stated: np.ndarray, last: np.ndarray, _mpp: np.ndarray) -> np.ndarray:
    return np.stack([last[0] - stated[:, 0], stated[:, 1]], axis=1)


def _upside_down(stated: np.ndarray, last: np.ndarray, _mpp: np.ndarray) -> np.ndarray:
    return np.asarray(last - stated)


def _micrometres(stated: np.ndarray, _last: np.ndarray, mpp: np.ndarray) -> np.ndarray:
    return np.asarray(stated / mpp)


def _percent(stated: np.ndarray, last: np.ndarray, _mpp: np.ndarray) -> np.ndarray:
    return np.asarray(stated * (last + 1) / 100)


def _after_exchange(then: Transformation) -> Transformation:
    return lambda stated, last, mpp: then(stated[:, ::-1], last, mpp)


def _times(factor: float) -> Transformation:
    return lambda stated, _last, _mpp: stated * factor


# Of those that fit equally well, the first is named.
TRANSFORMATIONS: dict[str, Transformation] = {
    "with x and y exchanged": _exchanged,
    "with y counted from the bottom": _from_bottom,
    "with x counted from the right": _from_right,
    "turned by 180°": _upside_down,
    "turned by 90° to the left": _after_exchange(_from_bottom),
    "turned by 90° to the right": _after_exchange(_from_right),
    "with x and y exchanged and turned by 180°": _after_exchange(_upside_down),
    "read as µm": _micrometres,
    "read as percent of the image": _percent,  # Label Studio's own format
    **{f"multiplied by {factor}": _times(factor) for factor in (*LEVELS, *FACTORS)},
}
