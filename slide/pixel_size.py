"""The pixel size: as the user states it, or as the file does where that is plausible."""

from __future__ import annotations

from collections.abc import Sequence

from slide.image import ImageError

PLAUSIBLE_MPP = (0.1, 1.0)  # µm per pixel: 100x to 10x objectives; 72 dpi would be 353
STATE_IT = "state it with --mpp (µm per pixel)"


def choose_spacing(from_file: Sequence[float] | None, mpp: float | None) -> tuple[float, float]:
    """mm per pixel (x, y): `mpp` (µm) where it is given, else the file's (mm) if plausible.

    Raises ImageError where neither gives a plausible pixel size.
    """
    if mpp is not None:
        return mpp / 1000, mpp / 1000
    if from_file is None:
        raise ImageError(f"no pixel size in the file: {STATE_IT}")
    check_mpp((from_file[0] * 1000, from_file[1] * 1000))
    return from_file[0], from_file[1]


def check_mpp(mpp: tuple[float, float]) -> None:
    """Raise ImageError unless both axes, in µm per pixel, are within PLAUSIBLE_MPP."""
    low, high = PLAUSIBLE_MPP
    if not all(low <= axis <= high for axis in mpp):
        stated = f"{mpp[0]:.4g} x {mpp[1]:.4g} µm"
        raise ImageError(
            f"pixel size {stated} is implausible (expected {low} to {high}): {STATE_IT}"
        )
