"""Decode a page to 8-bit RGB as it is stored: the codec decides which library is asked.

JPEG: SimpleITK, whose pixels the network is trained on, where tags and streams agree; imagecodecs
otherwise. The two differ by some grey levels. Other codecs: tifffile, because SimpleITK holds such
an image two or three times and makes up pixels where the data are damaged. Which library is used
follows from the file alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile

from slide import itk
from slide.alpha import on_white
from slide.checks import EXPORT_IN_COLOUR
from slide.image import ImageError
from slide.memory import BY_RGBA, FILLED
from slide.tiff.checks import RGB, YCBCR, bytes_of, check_bytes
from slide.tiff.chroma import decode_subsampled_page
from slide.tiff.colour import page_ycbcr_to_rgb
from slide.tiff.damage import check_holes, print_damage
from slide.tiff.jpeg import JPEG, check_streams, decode_jpeg_page
from slide.tiff.jpeg2000 import APERIO_YCBCR, JPEG2000, decode_jpeg2000_page
from slide.tiff.long_strips import decode_long_strips, may_have_long_strips
from slide.tiff.segments import read_segment, segments
from slide.tiff.sparse import filled_copy, is_sparse, paint_missing

# TIFF tag Compression of codecs that return the samples as they were encoded: none, LZW, deflate
# (two numbers), PackBits, LZMA, Zstandard, LERC, PNG.
LOSSLESS = (1, 5, 8, 32946, 32773, 34925, 50000, 34887, 34933)
# LZW, LZMA, LERC, PNG, JPEG XR, JPEG XL and WebP, of which tifffile drops what a strip or tile has
# beyond its declared size.
_CUT_TO_SIZE = (5, 34925, 34887, 34933, 22610, 34934, 50002, 52546, 50001)
ASSOCIATED = 1  # TIFF 6.0, tag ExtraSamples: the colours are multiplied by alpha
_UNSPECIFIED = 0
_READ_BUFFER = 1 << 24  # bytes of encoded pixels at a time


Reserve = Callable[[float], None]


def decode_page(
    page: tifffile.TiffPage, path: Path, reserve: Reserve
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Decode to RGB in the stored orientation.

    Args:
        page: that slide.tiff.checks accepts.
        path: of its file.
        reserve: called with the bytes of memory that decoding takes for a pixel, before it takes
            them; raises ImageError where they are too many.

    Returns:
        (height, width, 3) uint8, and warnings.
    """
    reserve(FILLED if _fills_its_array(page) else BY_RGBA)
    if page.samplesperpixel == 4:
        pixels, warnings = _with_fourth_sample(page)
    elif page.compression in JPEG:
        pixels, warnings = _jpeg(page, path), ()
    elif page.compression in JPEG2000 and page.planarconfig == 1:
        pixels, warnings = decode_jpeg2000_page(page), ()
    elif page.photometric == YCBCR and page.is_subsampled and page.compression in LOSSLESS:
        pixels, warnings = decode_subsampled_page(page), ()
    else:
        pixels, warnings = _as_encoded(page), ()
    check_holes(page)
    return pixels, paint_missing(page, pixels) + warnings


def _fills_its_array(page: tifffile.TiffPage) -> bool:
    """Whether decoding takes no memory beside the pixels."""
    exact = page.compression in LOSSLESS and page.photometric == RGB
    return exact and page.samplesperpixel == 3 and page.planarconfig == 1


def _jpeg(page: tifffile.TiffPage, path: Path) -> np.ndarray:
    pixels = _jpeg_by_itk(page, path) if check_streams(page) else None
    if pixels is not None:
        return pixels
    print_damage(page)
    return decode_jpeg_page(page) if page.planarconfig == 1 else _in_rgb(page, _by_tifffile(page))


def _jpeg_by_itk(page: tifffile.TiffPage, path: Path) -> np.ndarray | None:
    if not is_sparse(page):
        return _by_itk(page, path)
    with contextlib.suppress(OSError), filled_copy(page, path) as copy:
        return _by_itk(page, copy)
    return None


def _as_encoded(page: tifffile.TiffPage) -> np.ndarray:
    """Codecs that leave the colours to the tags."""
    try:
        return _in_rgb(page, _by_tifffile(page))
    except ImageError:
        raise
    except Exception:
        if page.samplesperpixel != 3 or not may_have_long_strips(page):
            raise
    return _in_rgb(page, decode_long_strips(page))


def check_declared_size(page: tifffile.TiffPage) -> None:
    """Raise ImageError if the first strip or tile has another size than the tags declare.

    Tiles at the image's border may be cut.
    """
    first = next((segment for segment in segments(page) if not segment.is_missing), None)
    if first is None or page.compression not in _CUT_TO_SIZE:
        return
    decoded = tifffile.TIFF.DECOMPRESSORS[page.compression](read_segment(page, first))
    is_cut = isinstance(decoded, np.ndarray) and decoded.nbytes < bytes_of(page, first)
    if not is_cut:
        check_bytes(page, first, memoryview(decoded).nbytes)


def _with_fourth_sample(page: tifffile.TiffPage) -> tuple[np.ndarray, tuple[str, ...]]:
    if page.photometric == YCBCR or page.compression == APERIO_YCBCR:
        raise ImageError(f"YCbCr colours with a fourth channel: {EXPORT_IN_COLOUR}")
    if page.compression in JPEG:
        check_streams(page)
        print_damage(page)
    samples = _by_tifffile(page)
    kind = page.extrasamples[0] if page.extrasamples else _UNSPECIFIED
    if kind != _UNSPECIFIED:
        return on_white(samples, premultiplied=kind == ASSOCIATED)
    if samples[..., 3].min() != samples[..., 3].max():
        raise ImageError(f"a fourth channel that is not marked as alpha: {EXPORT_IN_COLOUR}")
    return np.ascontiguousarray(samples[..., :3]), ()


def _in_rgb(page: tifffile.TiffPage, samples: np.ndarray) -> np.ndarray:
    """Samples (height, width, 3) as they were encoded to RGB."""
    if page.photometric != YCBCR:
        return np.ascontiguousarray(samples)
    if page.compression not in (*LOSSLESS, *JPEG):
        codec = getattr(page.compression, "name", page.compression)
        raise ImageError(f"YCbCr colours in {codec}, which defines its own: {EXPORT_IN_COLOUR}")
    return page_ycbcr_to_rgb(page, samples)


def _by_tifffile(page: tifffile.TiffPage) -> np.ndarray:
    """(height, width, samples) uint8 as they were encoded."""
    check_declared_size(page)
    page.nodata = 255
    pixels = page.asarray(buffersize=_READ_BUFFER)
    return np.moveaxis(pixels, 0, -1) if page.axes == "SYX" else pixels  # stored plane by plane


def _by_itk(page: tifffile.TiffPage, path: Path) -> np.ndarray | None:
    """SimpleITK's RGB; None where it refuses. It reads the first page alone."""
    if page.index != 0:
        return None
    with contextlib.suppress(RuntimeError):  # what SimpleITK raises for all that it refuses
        reader = itk.open_reader(path, "TIFFImageIO")
        reader.ReadImageInformation()
        if reader.GetSize() == (page.imagewidth, page.imagelength):
            return itk.read_samples(reader, 3, page.tags.valueof("Orientation", 1))
    return None
