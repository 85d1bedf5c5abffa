"""Read a PNG or JPEG file, whose resolution is not trusted: the user states the pixel size."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import NamedTuple

import imagecodecs
import numpy as np

from slide import itk
from slide.alpha import on_white
from slide.checks import CONVERT_TO_8_BITS, EXPORT_AGAIN, EXPORT_IN_COLOUR, check_size
from slide.colour_profile import (
    code_points_warning,
    gamma_warning,
    packed_profile_warning,
    profile_warning,
)
from slide.image import Image, ImageError
from slide.interpolation import interpolation_warning
from slide.jpeg_header import (
    check_jpeg,
    exif_orientation,
    has_several_pictures,
    icc_profile,
    read_jpeg_header,
)
from slide.jpeg_holes import has_hole
from slide.memory import BY_RGBA, COPIED, MemoryBudget, check_memory
from slide.orientation import orientation_warning
from slide.pixel_size import Statement, choose_pixel_size
from slide.png_rows import SIGNATURE, check_rows, png_chunks
from slide.torn_lines import torn_lines_warning

SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif")
_PNG_GREY = {0: "greyscale", 4: "greyscale with alpha"}  # PNG specification, table 11.1
# Chunks; acTL is of animations. Those about colours are in the order of the specification.
_PNG_READ = (b"eXIf", b"acTL", b"pHYs", b"sBIT", b"cICP", b"iCCP", b"sRGB", b"gAMA")
_RGB = 3  # samples
_PALETTE = 3  # colour type

_FEW_COLOURS = "a palette of at most 256 colours, which can change probabilities"
_FIRST_ONLY = "several pictures in one file: only the first is read"


class Header(NamedTuple):
    """What is known of a file before its pixels.

    Attributes:
        size: px (width, height).
        orientation: of the EXIF data.
        is_first: whether more pictures follow.
        few_bits: whether it says that fewer than 8 bits of a sample are significant.
        warnings: what it says about its colours that is ignored.
        spacing: mm per pixel (x, y) that it states; None without.
    """

    size: tuple[int, int]
    orientation: int | None
    is_first: bool
    few_bits: bool
    warnings: tuple[str, ...]
    spacing: tuple[float, float] | None


def read_photo(path: Path, user: Statement | None, budget: MemoryBudget | None) -> Image:
    """Read a file of one of the SUFFIXES; arguments and errors as for read_image.

    Palettes are expanded, transparency is composed on white, orientation is ignored with a warning.
    """
    is_png = path.suffix.lower() == ".png"
    header = _mapped_header(path, is_png)
    size = header.size
    check_size(size)
    source = "pHYs of the PNG file" if is_png else "density of the JPEG file"
    stated = () if header.spacing is None else (Statement(source, header.spacing),)
    pixel_size = choose_pixel_size(stated, user)
    reader = itk.open_reader(path, "PNGImageIO" if is_png else "JPEGImageIO")
    reader.ReadImageInformation()
    opaque = reader.GetNumberOfComponents() == _RGB
    check_memory(size, pixel_size.spacing, COPIED if opaque else BY_RGBA, budget)
    if is_png:
        check_rows(path)
    pixels = _as_stored(path) if header.few_bits else itk.read_samples(reader)
    warnings = header.warnings + pixel_size.warnings + orientation_warning(header.orientation)
    if header.is_first:
        warnings += (_FIRST_ONLY,)
    if not opaque:
        pixels, transparency = on_white(pixels, premultiplied=False)
        warnings = transparency + warnings
    warnings += torn_lines_warning(pixels) or interpolation_warning(pixels)
    return Image(pixels, pixel_size.spacing, (0.0, 0.0), pixel_size.source, warnings)


def _as_stored(path: Path) -> np.ndarray:
    """(height, width, samples) uint8 of a PNG file. ITK shifts out the bits that are not said to
    be significant, which darkens the image."""
    return np.asarray(imagecodecs.png_decode(path.read_bytes()))


def _mapped_header(path: Path, is_png: bool) -> Header:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _png_header(data) if is_png else _jpeg_header(data)


def _jpeg_header(data: mmap.mmap) -> Header:
    header = read_jpeg_header(data) if data[:2] == b"\xff\xd8" else None
    if header is None:
        raise ImageError(f"not a JPEG file, or damaged: {EXPORT_AGAIN}")
    check_jpeg(header)
    if has_hole(data):
        raise ImageError(f"damaged, encoded pixels are missing or zeros: {EXPORT_AGAIN}")
    warnings = profile_warning(icc_profile(data))
    several = has_several_pictures(data)
    return Header(header.size, header.orientation, several, False, warnings, header.spacing)


def _png_header(data: mmap.mmap) -> Header:
    chunks = png_chunks(data)
    kind, place, length = next(chunks, (b"", 0, 0))
    if data[:8] != SIGNATURE or kind != b"IHDR" or length < 13:
        raise ImageError(f"not a PNG file, or damaged: {EXPORT_AGAIN}")
    width, height, bits, colour = struct.unpack_from(">IIBB", data, place)
    if colour in _PNG_GREY:
        raise ImageError(f"{_PNG_GREY[colour]}: {EXPORT_IN_COLOUR}")
    if bits > 8:
        raise ImageError(f"{bits}-bit samples: {CONVERT_TO_8_BITS}")
    bodies = {name: data[start : start + n] for name, start, n in chunks if name in _PNG_READ}
    orientation = exif_orientation(bodies.get(b"eXIf", b""))
    warnings = _colours(bodies) + ((_FEW_COLOURS,) if colour == _PALETTE else ())
    few_bits = min(bodies.get(b"sBIT", b"\x08"), default=8) < 8
    is_first = b"acTL" in bodies or data.find(SIGNATURE, 8) >= 0
    spacing = _physical_spacing(bodies.get(b"pHYs", b""))
    return Header((width, height), orientation, is_first, few_bits, warnings, spacing)


def _physical_spacing(body: bytes) -> tuple[float, float] | None:
    """mm per pixel (x, y) of a pHYs chunk: pixels per metre, where its unit is 1."""
    if len(body) < 9 or body[8] != 1:
        return None
    x, y = struct.unpack_from(">II", body)
    return None if 0 in (x, y) else (1000 / x, 1000 / y)


def _colours(bodies: dict[bytes, bytes]) -> tuple[str, ...]:
    if b"cICP" in bodies:
        return code_points_warning(bodies[b"cICP"])
    if b"iCCP" in bodies:
        return packed_profile_warning(bodies[b"iCCP"])
    return gamma_warning(bodies[b"gAMA"]) if b"gAMA" in bodies and b"sRGB" not in bodies else ()
