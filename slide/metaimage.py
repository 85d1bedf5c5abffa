"""Read a MetaImage (.mha): geometry by SimpleITK, pixels by the length that the header declares.

MetaIO itself fills what is missing in the pixel data with whatever is in memory.
"""

from __future__ import annotations

import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from slide import itk
from slide.alpha import on_white
from slide.checks import CONVERT_TO_8_BITS, EXPORT_AGAIN, EXPORT_IN_COLOUR, SAVE_PAGE, check_size
from slide.image import Image, ImageError
from slide.interpolation import interpolation_warning
from slide.memory import BY_RGBA, FILLED, MemoryBudget, check_memory
from slide.pixel_size import Statement, choose_pixel_size
from slide.torn_lines import torn_lines_warning

if TYPE_CHECKING:
    import SimpleITK as sitk

SUFFIX = ".mha"
_MAX_HEADER = 1 << 16  # bytes
_FARTHEST_ORIGIN = 1e6  # mm: beyond, a pixel is lost in the rounding of coordinates
_CHUNK = 1 << 20  # bytes of encoded or decoded pixels at a time
_SAVE_AGAIN = "save it again as .mha"
_TAKEN_AS_ALPHA = "its fourth channel is taken as transparency"


@dataclass(frozen=True)
class _Header:
    """Fields of the header by lower-case name, and where the pixels begin in the file."""

    fields: dict[str, str]
    pixels_at: int

    def get(self, name: str) -> str:
        return self.fields.get(name.lower(), "")

    def is_set(self, name: str) -> bool:
        """A truth value as MetaIO reads it, by the first letter."""
        return self.get(name)[:1] in ("T", "t", "1")


def read_metaimage(path: Path, user: Statement | None, budget: MemoryBudget | None) -> Image:
    """Read an .mha file of 8-bit RGB or RGBA; arguments and errors as for read_image."""
    header = _read_header(path)
    reader = itk.open_reader(path, "MetaImageIO")
    reader.ReadImageInformation()
    _check_geometry(reader)
    (width, height), samples = reader.GetSize()[:2], reader.GetNumberOfComponents()
    size = choose_pixel_size(_stated_pixel_sizes(header, reader), user)
    check_memory((width, height), size.spacing, FILLED if samples == 3 else BY_RGBA, budget)
    pixels = _read_pixels(path, header, (height, width, samples))
    pixels, warnings = _in_rgb(pixels)
    warnings += torn_lines_warning(pixels) or interpolation_warning(pixels)
    origin = reader.GetOrigin()
    return Image(
        pixels, size.spacing, (origin[0], origin[1]), size.source, size.warnings + warnings
    )


def _read_header(path: Path) -> _Header:
    with path.open("rb") as file:
        start = file.read(_MAX_HEADER)
    end = re.search(rb"^ElementDataFile\s*=\s*(.*?)\s*?\n", start, re.MULTILINE)
    if end is None:
        raise ImageError(f"not a MetaImage file, or damaged: {EXPORT_AGAIN}")
    lines = (line.partition("=") for line in start[: end.start()].decode("latin-1").splitlines())
    fields = [(key.strip().lower(), value.strip()) for key, _, value in lines]
    header = _Header(dict(fields), end.end())
    if len(header.fields) < len(fields):
        raise ImageError(f"a field of its header is stated more than once: {_SAVE_AGAIN}")
    if end[1].strip() != b"LOCAL":  # a header may name any other file for its pixels
        raise ImageError(
            "its pixels are in another file: save it as one .mha with the pixels in it"
        )
    _check_fields(header)
    return header


def _check_fields(header: _Header) -> None:
    for name in ("Offset", "Origin", "Position"):
        if re.search("nan|inf", header.get(name), re.IGNORECASE):  # ITK takes 0 for it
            raise ImageError("invalid origin: save it with a finite one")
    if any(value.startswith("-") for value in header.get("ElementSpacing").split()):  # ITK: no sign
        raise ImageError(f"a negative pixel size (ElementSpacing): {_SAVE_AGAIN}")
    axes = header.get("NDims")
    for name in ("DimSize", "ElementSpacing", "ElementSize"):
        count = len(header.get(name).split())
        if axes.isdecimal() and 0 < count < int(axes):
            raise ImageError(f"{name} has {count} of {axes} values: {_SAVE_AGAIN}")
    if header.get("BinaryData") and not header.is_set("BinaryData"):
        raise ImageError(f"its pixels are written as text: {_SAVE_AGAIN}")
    if header.get("HeaderSize") not in ("", "0", "-1"):
        raise ImageError(f"it skips bytes before its pixels (HeaderSize): {_SAVE_AGAIN}")


def _check_geometry(reader: sitk.ImageFileReader) -> None:
    size, samples = reader.GetSize(), reader.GetNumberOfComponents()
    check_size(size[:2])
    if math.prod(size[2:]) != 1:
        raise ImageError(f"{math.prod(size[2:])} slices, but one image is needed: {SAVE_PAGE}")
    if samples not in (3, 4):
        kind = {1: "greyscale", 2: "greyscale with alpha"}.get(samples, f"{samples} channels")
        raise ImageError(f"{kind}: {EXPORT_IN_COLOUR}")
    kind = itk.kind_of_samples(reader)
    if kind != itk.UINT8:
        raise ImageError(f"{kind} samples: {CONVERT_TO_8_BITS}")
    if not np.allclose(reader.GetDirection(), np.eye(len(size)).ravel()):
        raise ImageError("its axes are rotated (direction matrix): save it with identity direction")
    if max(map(abs, reader.GetOrigin())) > _FARTHEST_ORIGIN:
        raise ImageError("invalid origin: save it with one near the image")


def _stated_pixel_sizes(header: _Header, reader: sitk.ImageFileReader) -> list[Statement]:
    """ElementSpacing, by which ITK places pixels, and ElementSize, the extent of a pixel."""
    unit = header.get("DistanceUnits")
    if unit.lower() not in ("", "?", "mm"):
        return [Statement("DistanceUnits", None, f"{ascii(unit)[:20]} is not mm")]
    spacing = reader.GetSpacing()[:2]
    statements = [] if spacing == (1.0, 1.0) else [Statement("ElementSpacing", spacing)]
    values = header.get("ElementSize").split()[:2]
    if len(values) == 2 and header.get("ElementSpacing"):
        x, y = map(float, values)
        statements.append(Statement("ElementSize", (x, y)))
    return statements


def _in_rgb(pixels: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """ITK's four channels are RGBA."""
    if pixels.shape[2] == 3:
        return pixels, ()
    rgb, warnings = on_white(pixels, premultiplied=False)
    return rgb, (*warnings, _TAKEN_AS_ALPHA) if warnings else ()


# ------------------------------------------------------------------------------------------ pixels


def _read_pixels(path: Path, header: _Header, shape: tuple[int, int, int]) -> np.ndarray:
    out = np.empty(math.prod(shape), np.uint8)
    with path.open("rb") as file:
        file.seek(header.pixels_at)
        if header.is_set("CompressedData"):
            surplus = _inflate(file, out.data)
        else:
            _fill(file, out.data)
            surplus = len(file.read(1))
    if surplus:
        raise ImageError(
            f"damaged, it holds more than the {out.size} bytes of pixels that its header declares: "
            f"{_SAVE_AGAIN}"
        )
    return out.reshape(shape)


def _fill(file: BinaryIO, out: memoryview) -> None:
    filled = 0
    while filled < len(out):
        count = file.readinto(out[filled:])  # type: ignore[attr-defined]
        if not count:
            raise ImageError(
                f"truncated, the last {len(out) - filled} bytes are missing: {EXPORT_AGAIN}"
            )
        filled += count


def _inflate(file: BinaryIO, out: memoryview) -> int:
    """Decompress into `out`; returns how many bytes more there are, at most one."""
    decoder, filled = zlib.decompressobj(zlib.MAX_WBITS | 32), 0
    pending = b""
    while not decoder.eof and filled <= len(out):
        pending = pending or file.read(_CHUNK)
        if not pending:
            break
        part = decoder.decompress(pending, min(_CHUNK, len(out) - filled + 1))
        pending = decoder.unconsumed_tail
        if filled + len(part) > len(out):
            return 1
        out[filled : filled + len(part)] = part
        filled += len(part)
    if filled < len(out):
        raise ImageError(
            f"truncated, the last {len(out) - filled} bytes of pixels are missing: {EXPORT_AGAIN}"
        )
    return 0
