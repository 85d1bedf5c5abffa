"""Read one H&E image as 8-bit RGB with its place in the world, or say in one line why not.

The header is checked before any pixel is allocated. A TIFF's header comes from tifffile: SimpleITK
reads a tiled greyscale or 16-bit file as if it were 8-bit colour. Its pixels come from SimpleITK,
and from tifffile where SimpleITK refuses (other codecs, pages that are a pyramid). JPEG decodes
differ by some grey levels between the two. Where the compression is lossless and both give the
same, tifffile is asked first: SimpleITK holds such an image two or three times. Which one is used
follows from the file alone.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
import SimpleITK as sitk
import tifffile

from slide.memory import MemoryBudget

SUFFIXES = (".tif", ".tiff", ".mha")
SUFFIXES_WITH_MPP = (".png", ".jpg", ".jpeg")  # read only with `mpp`: their dpi is not to trust
TRAINING_MPP = 0.25  # µm per pixel: MIDOG 2021's scanners have 0.23 to 0.26
RESAMPLING_TOLERANCE = 0.10  # the training's scale augmentation covers more than this
PLAUSIBLE_MPP = (0.1, 1.0)  # µm per pixel: 100x to 10x objectives; 72 dpi would be 353
MAX_PIXELS = 10**9  # 3 GB of RGB; twenty-five times an image of MIDOG 2021
MAX_PAGES = 1000  # a pyramid has a dozen; a long chain of empty pages would be read for hours

_ITK_READERS = {
    ".mha": "MetaImageIO",
    ".png": "PNGImageIO",
    ".jpg": "JPEGImageIO",
    ".jpeg": "JPEGImageIO",
}
_MILLIMETRES_PER_UNIT = {2: 25.4, 3: 10.0}  # TIFF 6.0, tag ResolutionUnit: inch, centimetre
_COLOUR = (2, 6)  # TIFF 6.0, tag PhotometricInterpretation: RGB, YCbCr
# TIFF's tag Compression: none, LZW, deflate (two numbers), PackBits, LZMA, Zstandard.
_LOSSLESS = (1, 5, 8, 32946, 32773, 34925, 50000)
_READ_BUFFER = 1 << 24  # bytes of encoded pixels at a time
# Bytes that decoding takes for a pixel at most, by the peak of the process over an image of
# 8000x8000: tifffile fills the array, SimpleITK copies RGB once and makes JPEG by way of RGBA.
_FILLED, _COPIED, _BY_RGBA = 4, 6, 8
_OTHER_COLOUR = {0: "greyscale", 1: "greyscale", 3: "a palette image", 5: "CMYK"}


class ImageError(ValueError):
    """An image that cannot be used. Its text: reason and remedy in one line, no file name."""


@dataclass(frozen=True, eq=False)
class Image:
    """Pixels and their place in the world.

    pixels: (height, width, 3) uint8 RGB; spacing: mm per pixel, (x, y); origin: mm, world position
    of the centre of pixel (0, 0), (x, y).
    """

    pixels: np.ndarray
    spacing: tuple[float, float]
    origin: tuple[float, float]

    @property
    def mpp(self) -> tuple[float, float]:
        """µm per pixel, (x, y)."""
        return self.spacing[0] * 1000, self.spacing[1] * 1000

    def to_millimetres(self, points: np.ndarray) -> np.ndarray:
        """(n, 2) px (x, y) to (n, 2) float64 mm: index times spacing plus origin, no half pixel."""
        return np.asarray(points, np.float64).reshape(-1, 2) * self.spacing + self.origin


@dataclass(frozen=True, eq=False)
class Resampled:
    """An image's pixels at another pixel size.

    pixels: (height, width, 3) uint8 RGB; scale: input pixels per pixel of these, (x, y).
    """

    pixels: np.ndarray
    scale: tuple[float, float]

    def to_input(self, points: np.ndarray) -> np.ndarray:
        """(n, 2) px (x, y) of these pixels to (n, 2) float64 px (x, y) of the input.

        Resampling aligns the images' corners, and the corner of pixel 0 is at -0.5.
        """
        return (np.asarray(points, np.float64).reshape(-1, 2) + 0.5) * self.scale - 0.5


def read_image(path: Path, mpp: float | None = None, budget: MemoryBudget | None = None) -> Image:
    """Read a .tif, .tiff or .mha file, or with `mpp` a .png, .jpg or .jpeg file.

    mpp: µm per pixel of both axes; where given, it replaces what the file says. budget: what image
    and detection may take; None for no limit. While it reads, the process's stdout and
    stderr are silent, whichever thread writes to them.
    Raises ImageError where the file is not one plausible 8-bit RGB image, or its header declares
    one that would take too much memory.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES + SUFFIXES_WITH_MPP:
        raise ImageError(f"'{suffix}' files are not read: convert it to .tif, .tiff or .mha")
    if mpp is None and suffix in SUFFIXES_WITH_MPP:
        raise ImageError(f"{suffix} files carry no trustworthy pixel size: {_STATE_IT}")
    if mpp is not None:
        _check_mpp((mpp, mpp))
    _check_file(path)
    with _output_silenced(), _library_errors_named():
        if suffix in _ITK_READERS:
            return _read_with_itk(path, _ITK_READERS[suffix], mpp, budget)
        return _read_tiff(path, mpp, budget)


@dataclass(frozen=True)
class Header:
    """Size in px (width, height) and mm per pixel (x, y) of a file."""

    size: tuple[int, int]
    spacing: tuple[float, float]


def read_header(path: Path, mpp: float | None = None) -> Header:
    """Size and pixel size of a TIFF file, without its pixels.

    mpp: as for read_image. Raises ImageError where read_image would refuse the header.
    """
    if mpp is not None:
        _check_mpp((mpp, mpp))
    _check_file(path)
    with _library_errors_named(), tifffile.TiffFile(path) as tiff:
        page = _full_resolution(tiff)
        _check_page(page, path.stat().st_size)
        spacing = _spacing(_page_spacing(page) if mpp is None else None, mpp)
        return Header((page.imagewidth, page.imagelength), spacing)


def resample(
    image: Image, mpp: float = TRAINING_MPP, tolerance: float = RESAMPLING_TOLERANCE
) -> Resampled:
    """Pixels of `image` at about `mpp` µm per pixel: its own where both axes are in `tolerance`.

    Bicubic, widened by the factor when shrinking, so nothing aliases. The size is rounded to whole
    pixels, and `scale` is exact for the rounded size. Raises ImageError where it gets too large.
    """
    if _is_near(image.mpp, mpp, tolerance):
        return Resampled(image.pixels, (1.0, 1.0))
    height, width = image.pixels.shape[:2]
    size = _resampled_size((width, height), image.mpp, mpp)
    if math.prod(size) > MAX_PIXELS:
        raise ImageError(f"at {mpp} µm per pixel it has {_size(size)} pixels: {_CUT_OUT}")
    pixels = np.empty((size[1], size[0], 3), np.uint8)
    for channel in range(3):  # Pillow keeps RGB in four bytes a pixel, a channel in one
        plane = PIL.Image.fromarray(image.pixels[..., channel])
        pixels[..., channel] = np.asarray(plane.resize(size, PIL.Image.Resampling.BICUBIC))
    return Resampled(pixels, (width / size[0], height / size[1]))


def _is_near(mpp: tuple[float, float], other: float, tolerance: float) -> bool:
    return all(abs(axis / other - 1) <= tolerance + 1e-9 for axis in mpp)


def _resampled_size(
    size: tuple[int, int], mpp: tuple[float, float], new_mpp: float
) -> tuple[int, int]:
    """Size in px (width, height) at another number of µm per pixel."""
    width, height = (
        max(1, round(side * axis / new_mpp)) for side, axis in zip(size, mpp, strict=True)
    )
    return width, height


# ------------------------------------------------------------------------------------- the readers


def _read_with_itk(
    path: Path, reader_name: str, mpp: float | None, budget: MemoryBudget | None
) -> Image:
    if reader_name == "MetaImageIO":
        _check_pixels_inside(path)
    reader = _itk_reader(path, reader_name)
    reader.ReadImageInformation()
    size, components = reader.GetSize(), reader.GetNumberOfComponents()
    _check_size(size[:2])
    if math.prod(size[2:]) != 1:
        raise ImageError(f"{math.prod(size[2:])} slices, but one image is needed: {_SAVE_PAGE}")
    if components not in (3, 4):
        raise ImageError(f"{'greyscale' if components < 3 else f'{components} channels'}: {_COLOR}")
    if reader.GetPixelID() not in (sitk.sitkUInt8, sitk.sitkVectorUInt8):
        kind = sitk.GetPixelIDValueAsString(reader.GetPixelID()).removeprefix("vector of ")
        raise ImageError(f"{kind} samples: {_EIGHT_BITS}")
    if not np.allclose(reader.GetDirection(), np.eye(len(size)).ravel()):
        raise ImageError("its axes are turned (direction matrix): save it with identity direction")
    origin = reader.GetOrigin()
    stated = None if reader.GetSpacing()[:2] == (1.0, 1.0) else reader.GetSpacing()
    spacing = _spacing(stated, mpp)
    _check_memory(size[:2], spacing, _COPIED if components == 3 else _BY_RGBA, budget)
    return Image(_itk_pixels(reader), spacing, (origin[0], origin[1]))


def _read_tiff(path: Path, mpp: float | None, budget: MemoryBudget | None) -> Image:
    with tifffile.TiffFile(path) as tiff:
        page = _full_resolution(tiff)
        _check_page(page, path.stat().st_size)
        spacing = _spacing(_page_spacing(page) if mpp is None else None, mpp)
        size = page.imagewidth, page.imagelength
        if _is_exact(page):
            filled = page.samplesperpixel == 3 and page.planarconfig == 1
            _check_memory(size, spacing, _FILLED if filled else _BY_RGBA, budget)
            with contextlib.suppress(Exception):  # such as a last strip as long as the others
                return Image(_decoded(page), spacing, (0.0, 0.0))
        _check_memory(size, spacing, _BY_RGBA, budget)
        return Image(_page_pixels(page, path), spacing, (0.0, 0.0))


def _full_resolution(tiff: tifffile.TiffFile) -> tifffile.TiffPage:
    """The one image of the file: pages marked as reduced or scaled copies of it are its pyramid."""
    every = _pages(tiff)
    pages = [page for page in every if not page.is_reduced] or every
    if not pages:
        raise ImageError(f"a TIFF without any page: {_EXPORT_AGAIN}")
    largest = max(pages, key=lambda page: page.imagewidth * page.imagelength)
    if not all(page is largest or _is_level_of(largest, page) for page in pages):
        raise ImageError(f"{len(pages)} pages that are no pyramid of one image: {_SAVE_PAGE}")
    return largest


def _pages(tiff: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    """Its pages. tifffile walks a chain that leads back to an earlier page for ever."""
    pages: list[tifffile.TiffPage] = []
    offsets: set[int] = set()
    for page in tiff.pages:
        if page.offset in offsets:
            raise ImageError(f"damaged, its pages lead back to an earlier one: {_EXPORT_AGAIN}")
        if len(offsets) == MAX_PAGES:
            raise ImageError(f"more than {MAX_PAGES} pages: {_SAVE_PAGE}")
        offsets.add(page.offset)
        if isinstance(page, tifffile.TiffPage):
            pages.append(page)
    return pages


def _is_level_of(base: tifffile.TiffPage, page: tifffile.TiffPage) -> bool:
    """Whether `page` has the shape of a shrunken `base`, sides rounded either way."""
    aspect = base.imagelength / max(base.imagewidth, 1)
    height = page.imagewidth * aspect
    return page.imagewidth < base.imagewidth and abs(page.imagelength - height) <= 1 + aspect


def _page_spacing(page: tifffile.TiffPage) -> tuple[float, float] | None:
    """mm per pixel (x, y) as the resolution tags have it, None where they say nothing."""
    unit = _MILLIMETRES_PER_UNIT.get(page.tags.valueof("ResolutionUnit"))
    tags = [page.tags.valueof(name) for name in ("XResolution", "YResolution")]
    if unit is None or any(tag is None or 0 in tag for tag in tags):
        return None
    (x, x_per), (y, y_per) = tags
    return unit * x_per / x, unit * y_per / y


def _page_pixels(page: tifffile.TiffPage, path: Path) -> np.ndarray:
    size = (page.imagewidth, page.imagelength)
    if page.index == 0:
        with contextlib.suppress(RuntimeError):  # what SimpleITK raises for all it refuses
            reader = _itk_reader(path, "TIFFImageIO")
            reader.ReadImageInformation()
            if reader.GetSize() == size:
                return _itk_pixels(reader)
    return _decoded(page)


def _decoded(page: tifffile.TiffPage) -> np.ndarray:
    """(height, width, 3) uint8 by tifffile, alpha left out."""
    pixels = page.asarray(buffersize=_READ_BUFFER)
    if page.axes == "SYX":  # stored plane by plane
        pixels = np.moveaxis(pixels, 0, -1)
    return np.ascontiguousarray(pixels[..., :3])


def _is_exact(page: tifffile.TiffPage) -> bool:
    """Whether every reader decodes it to the same pixels."""
    return page.compression in _LOSSLESS and page.photometric == _COLOUR[0]


def _itk_reader(path: Path, name: str) -> sitk.ImageFileReader:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO(name)  # the suffix decides, so that no other format's parser is reached
    return reader


def _itk_pixels(reader: sitk.ImageFileReader) -> np.ndarray:
    """(height, width, 3) uint8, alpha left out; a copy, as ITK's memory goes with its image."""
    image = reader.Execute()
    width, height = image.GetSize()[:2]
    view = sitk.GetArrayViewFromImage(image).reshape(height, width, -1)
    return np.array(view[..., :3], order="C")


# ---------------------------------------------------------------------------------- what is refused

_STATE_IT = "state it with --mpp (µm per pixel)"
_CUT_OUT = "cut out the region to analyse"
_SAVE_PAGE = "save the one to analyse as a file of its own"
_EXPORT_AGAIN = "copy or export it again"
_COLOR = "export it in colour (8-bit RGB)"
_EIGHT_BITS = "convert it to 8-bit RGB"


def _check_file(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:  # SimpleITK would end the process
        raise ImageError("its name or folder's is not UTF-8: rename it") from error
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise ImageError("no regular file: give a file with an image in it")
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ImageError(f"cannot be opened ({reason}): check the path and its rights") from error
    if empty:
        raise ImageError(f"an empty file (0 bytes): {_EXPORT_AGAIN}")


def _check_pixels_inside(path: Path) -> None:
    """A MetaImage header may name any other file for its pixels; an .mha holds its own."""
    with path.open("rb") as file:
        header = file.read(1 << 16)
    source = re.search(rb"^ElementDataFile\s*=\s*(.*?)\s*$", header, re.MULTILINE)
    if source is None:
        raise ImageError(f"not a MetaImage file, or damaged: {_EXPORT_AGAIN}")
    if source[1] != b"LOCAL":
        raise ImageError(
            "its pixels are in another file: save it as one .mha with the pixels in it"
        )
    if re.search(
        rb"^(Offset|Origin|Position)\s*=.*(nan|inf)", header[: source.start()], re.M | re.I
    ):
        raise ImageError("its origin is no place: save it with a finite one")  # ITK takes 0 for it


def _check_page(page: tifffile.TiffPage, file_bytes: int) -> None:
    _check_size((page.imagewidth, page.imagelength))
    if page.is_tiled:
        _check_size((page.tilewidth, page.tilelength))
    if page.imagedepth != 1:
        raise ImageError(f"{page.imagedepth} slices, but one image is needed: {_SAVE_PAGE}")
    if page.photometric not in _COLOUR or page.samplesperpixel not in (3, 4):
        photometric = int(page.photometric)
        kind = _OTHER_COLOUR.get(photometric, f"{page.samplesperpixel} channels ({photometric=})")
        raise ImageError(f"{kind}, but RGB is needed: {_COLOR}")
    if page.dtype != np.uint8 or page.bitspersample != 8:
        raise ImageError(f"{page.bitspersample}-bit samples ({page.dtype}): {_EIGHT_BITS}")
    ends = [o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=False)]
    if len(ends) < math.prod(page.chunked) or not any(page.databytecounts):
        raise ImageError(f"a TIFF header without all its pixels: {_EXPORT_AGAIN}")
    if max(ends) > file_bytes:
        missing = max(ends) - file_bytes
        raise ImageError(f"truncated, the last {missing} bytes are missing: {_EXPORT_AGAIN}")


def _check_size(size: Sequence[int]) -> None:
    if min(size) < 1:
        raise ImageError(f"declares {_size(size)} pixels, damaged or without area: {_EXPORT_AGAIN}")
    if math.prod(size) > MAX_PIXELS:
        raise ImageError(f"declares {_size(size)} pixels, over {MAX_PIXELS:.0e}: {_CUT_OUT}")


def _check_memory(
    size: Sequence[int],
    spacing: tuple[float, float],
    decoding: float,
    budget: MemoryBudget | None,
) -> None:
    """Refuse what would take too much, to decode (bytes a pixel) or thereafter."""
    if budget is None:
        return
    width, height = size
    pixels, mpp = width * height, (spacing[0] * 1000, spacing[1] * 1000)
    detecting = pixels * (3 + budget.detecting)
    if not _is_near(mpp, TRAINING_MPP, RESAMPLING_TOLERANCE):
        resampled = math.prod(_resampled_size((width, height), mpp, TRAINING_MPP))
        # Channel by channel, so Pillow holds a plane of either size and one halfway.
        resampling = pixels * (3 + 1) + resampled * (3 + 1) + max(pixels, resampled)
        detecting = max(resampling, pixels * 3 + resampled * (3 + budget.detecting))
    refusal = budget.refusal(pixels * decoding, detecting)
    if refusal is not None:
        raise ImageError(f"{_size(size)} pixels: {refusal} (--max-memory); {_CUT_OUT}")


def _size(size: Sequence[int]) -> str:
    return "x".join(map(str, size))


def _spacing(from_file: Sequence[float] | None, mpp: float | None) -> tuple[float, float]:
    """mm per pixel (x, y): `mpp` (µm) where it is given, else the file's if plausible."""
    if mpp is not None:
        return mpp / 1000, mpp / 1000
    if from_file is None:
        raise ImageError(f"no pixel size in the file: {_STATE_IT}")
    _check_mpp((from_file[0] * 1000, from_file[1] * 1000))
    return from_file[0], from_file[1]


def _check_mpp(mpp: tuple[float, float]) -> None:
    low, high = PLAUSIBLE_MPP
    if not all(low <= axis <= high for axis in mpp):
        stated = f"{mpp[0]:.4g} x {mpp[1]:.4g} µm"
        raise ImageError(
            f"pixel size {stated} is implausible (expected {low} to {high}): {_STATE_IT}"
        )


# ----------------------------------------------------------------------------- the libraries' noise


@contextlib.contextmanager
def _library_errors_named() -> Iterator[None]:
    """Turn whatever a decoder raises on a damaged or hostile file into an ImageError."""
    try:
        yield
    except ImageError:
        raise
    except RuntimeError as error:  # SimpleITK and imagecodecs: pages of text, or misleading
        raise ImageError(f"truncated or damaged, cannot be decoded: {_EXPORT_AGAIN}") from error
    except Exception as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        if not reason.isprintable():  # a decoder may quote the file
            reason = ascii(reason)[1:-1]
        raise ImageError(f"cannot be read ({reason}): {_EXPORT_AGAIN}") from error


@contextlib.contextmanager
def _output_silenced() -> Iterator[None]:
    """libtiff, MetaIO, libjpeg and ITK write to descriptors 1 and 2 directly, past sys.stdout."""
    null = os.open(os.devnull, os.O_WRONLY)
    # Python has no stream for a descriptor that was closed when it started.
    streams = [(n, s) for n, s in ((1, sys.stdout), (2, sys.stderr)) if s is not None]
    kept = [os.dup(number) for number, _ in streams]
    try:
        for number, stream in streams:
            stream.flush()
            os.dup2(null, number)
        yield
    finally:
        for (number, stream), before in zip(streams, kept, strict=True):
            stream.flush()
            os.dup2(before, number)
            os.close(before)
        os.close(null)
