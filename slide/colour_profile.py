"""Colour profiles (ICC) and PNG's gamma: ignored, with a warning where they change the brightness.

The detector was trained on pixels as scanners store them, so profiles of scanners, which are close
to sRGB in brightness, are not applied. Pixels of linear light would be read as a darker image.
"""

from __future__ import annotations

import math
import struct
import zlib

MAX_CHANGE = 32  # grey levels; a profile with a gamma of 1.8 changes middle grey by 18
MAX_PROFILE = 1 << 22  # bytes
_MIDDLE = 128
_GREEN_CURVE = b"gTRC"  # ICC.1:2022, 9.2: tone reproduction curve of green, which sees most
_PARAMETERS = {0: "g", 1: "gab", 2: "gabc", 3: "gabcd", 4: "gabcdef"}  # 10.18, by type of function


def profile_warning(profile: bytes) -> tuple[str, ...]:
    """A warning if an ICC profile states a brightness far from that of sRGB.

    Profiles without curves, such as those of tables, and damaged ones say nothing.
    """
    try:
        light = _light(_tag(profile[:MAX_PROFILE], _GREEN_CURVE), _MIDDLE / 255)
    except (struct.error, ValueError, LookupError, ArithmeticError):
        return ()
    return _warning(light, "its colour profile")


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
    return _warning((_MIDDLE / 255) ** (1 / exponent), "its gAMA chunk") if exponent else ()


def _warning(light: float, source: str) -> tuple[str, ...]:
    shown = round(255 * _srgb(light))
    if abs(shown - _MIDDLE) <= MAX_CHANGE:
        return ()
    return (
        f"{source}, which is ignored, shows a grey of {_MIDDLE} as {shown}: convert it to sRGB",
    )


def _srgb(light: float) -> float:
    """Stored value of light, both 0 to 1 (IEC 61966-2-1)."""
    light = min(max(light, 0.0), 1.0)
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


def _tag(profile: bytes, name: bytes) -> bytes:
    """Data of a profile's tag (ICC.1:2022, 7.3). Raises LookupError without it."""
    (count,) = struct.unpack_from(">I", profile, 128)
    for place in range(132, min(132 + 12 * count, len(profile)), 12):
        if profile[place : place + 4] == name:
            start, size = struct.unpack_from(">II", profile, place + 4)
            return profile[start : start + size]
    raise LookupError(name)


def _light(curve: bytes, value: float) -> float:
    """Light, 0 to 1, of a stored value by a curve (ICC.1:2022, 10.6) or function (10.18)."""
    if curve[:4] == b"para":
        return _by_function(curve, value)
    (count,) = struct.unpack_from(">I", curve, 8)
    if curve[:4] != b"curv" or count == 0:
        return value
    table: tuple[int, ...] = struct.unpack_from(f">{count}H", curve, 12)
    if count == 1:
        return math.pow(value, table[0] / 256)
    part, low = math.modf(value * (count - 1))
    lower, upper = table[int(low)], table[int(low) + 1]
    return (lower + part * (upper - lower)) / 65535


def _by_function(curve: bytes, value: float) -> float:
    (kind,) = struct.unpack_from(">H", curve, 8)
    names = _PARAMETERS[kind]
    fixed: tuple[int, ...] = struct.unpack_from(f">{len(names)}i", curve, 12)
    stated = {name: number / 65536 for name, number in zip(names, fixed, strict=True)}
    p = dict.fromkeys("abcdef", 0.0) | {"a": 1.0} | stated
    start = p["d"] if kind > 2 else -p["b"] / p["a"]
    above, below = {2: (p["c"], p["c"]), 4: (p["e"], p["f"])}.get(kind, (0.0, 0.0))
    if value < start:
        return p["c"] * value + below if kind > 2 else below
    return math.pow(p["a"] * value + p["b"], p["g"]) + above
