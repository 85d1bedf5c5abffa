"""Colour profiles (ICC), PNG's chunks and TIFF's tags about colours: ignored, with a warning.

It is given where they change the brightness, or PNG's cICP chunk names colours of television.

The detector was trained on pixels as scanners store them, so profiles of scanners, which are close
to sRGB in brightness, are not applied. Pixels of linear light would be read as a darker image.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence

import numpy as np
import PIL.Image
from PIL import ImageCms

MAX_CHANGE = 32  # grey levels; a profile with a gamma of 1.8 changes middle grey by 18
MAX_PROFILE = 1 << 22  # bytes
_MIDDLE = 128
# ITU-T H.273: primaries and transfer functions that are unspecified or close to those of sRGB (of
# BT.709, BT.601 and Display P3; of gamma 2.2, and of BT.2020 without HDR).
_USUAL_PRIMARIES, _USUAL_TRANSFERS = (1, 2, 5, 6, 12), (1, 2, 4, 6, 13, 14, 15)
_MAX_SHIFT = 8  # grey levels of TIFF's reference black and white; of video it is 16
_SRGB = ImageCms.createProfile("sRGB")


def profile_warning(profile: bytes) -> tuple[str, ...]:
    """A warning if an ICC profile shows a middle grey far from that of sRGB.

    Damaged profiles, and those that are not of RGB, say nothing.
    """
    if not 0 < len(profile) <= MAX_PROFILE:
        return ()
    grey = PIL.Image.new("RGB", (1, 1), (_MIDDLE,) * 3)
    # Without compensation of the black point.
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        shown = ImageCms.profileToProfile(grey, source, _SRGB, intent)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return ()
    assert shown is not None  # it is not changed in place
    return _warning(int(np.asarray(shown)[0, 0, 1]), "its colour profile")


def packed_profile_warning(chunk: bytes) -> tuple[str, ...]:
    """The same for PNG's iCCP chunk: name, method of compression, profile."""
    try:
        packed = chunk[chunk.index(b"\0") + 2 :]
        return profile_warning(zlib.decompressobj().decompress(packed, MAX_PROFILE))
    except (ValueError, zlib.error):
        return ()


def gamma_warning(chunk: bytes) -> tuple[str, ...]:
    """The same for PNG's gAMA chunk: the exponent from light to stored values, times 100,000."""
    exponent = int.from_bytes(chunk[:4], "big") / 100_000
    light = (_MIDDLE / 255) ** (1 / exponent) if exponent else 0.0
    return _warning(round(255 * _srgb(light)), "its gAMA chunk") if exponent else ()


def code_points_warning(chunk: bytes) -> tuple[str, ...]:
    """A warning if PNG's cICP chunk states colours far from sRGB (ITU-T H.273)."""
    if len(chunk) < 4:
        return ()
    primaries, transfer, matrix, is_full_range = chunk[:4]
    usual = primaries in _USUAL_PRIMARIES and transfer in _USUAL_TRANSFERS
    if usual and matrix == 0 and is_full_range:
        return ()
    codes = ", ".join(map(str, chunk[:4]))
    return (
        f"its cICP chunk, which is ignored, states other colours ({codes}): convert it to sRGB",
    )


def transfer_warning(tables: Sequence[int]) -> tuple[str, ...]:
    """The same as for a profile, for TIFF's TransferFunction.

    tables: light from 0 to 65535 of each stored value, for all three colours or each of them.
    """
    if len(tables) not in (256, 768):
        return ()
    shown = [round(255 * _srgb(light / 65535)) for light in tables[_MIDDLE::256]]
    return _warning(max(shown, key=lambda grey: abs(grey - _MIDDLE)), "its TransferFunction")


def reference_warning(reference: Sequence[float]) -> tuple[str, ...]:
    """A warning if TIFF's ReferenceBlackWhite of RGB, six values, is not about 0 and 255."""
    expected = (0, 255) * 3
    if len(reference) != 6 or np.abs(np.subtract(reference, expected)).max() <= _MAX_SHIFT:
        return ()
    values = ", ".join(f"{value:g}" for value in reference)
    return (f"its ReferenceBlackWhite ({values}) is ignored: convert it to sRGB",)


def _warning(shown: int, source: str) -> tuple[str, ...]:
    if abs(shown - _MIDDLE) <= MAX_CHANGE:
        return ()
    return (
        f"{source}, which is ignored, shows a grey of {_MIDDLE} as {shown}: convert it to sRGB",
    )


def _srgb(light: float) -> float:
    """Stored value of light, both 0 to 1 (IEC 61966-2-1)."""
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055
