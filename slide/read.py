"""Read one H&E image as 8-bit RGB with its place in the world, or say in one line why not.

The header is checked before any pixel is allocated. The suffix decides which reader is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from slide import metaimage, photo, whole_slide
from slide.checks import check_file
from slide.content import check_content
from slide.image import Image, ImageError
from slide.libraries import library_errors_named, output_captured
from slide.memory import MemoryBudget
from slide.metaimage import read_metaimage
from slide.photo import read_photo
from slide.pixel_size import OPTION, STATE_IT, Statement, stated_by_user
from slide.repeated_rows import repeated_rows_warning
from slide.tiff.read import open_page, read_tiff

Reader = Callable[[Path, Statement | None, MemoryBudget | None], Image]
READERS: dict[str, Reader] = {
    ".tif": read_tiff, ".tiff": read_tiff, metaimage.SUFFIX: read_metaimage,
    **dict.fromkeys(photo.SUFFIXES, read_photo),
}  # fmt: skip
SUFFIXES_WITH_MPP = photo.SUFFIXES  # read only with `mpp`: their dpi is not to trust
IMAGE_SUFFIXES = tuple(suffix for suffix in READERS if suffix not in SUFFIXES_WITH_MPP)
SUFFIXES = (*IMAGE_SUFFIXES, *whole_slide.SUFFIXES)
FORMATS = ".tif, .tiff, .mha, slides such as .svs, and with --mpp .png and .jpg"
NOT_READ = f"not a format that is read ({FORMATS}): convert images, or regions of slides, to .tif"
_OTHER_NAMES = {  # suffixes under which some programs write files that are read: the usual ones
    ".btf": ".tif", ".tf2": ".tif", ".tf8": ".tif", ".jpe": ".jpg", ".jif": ".jpg",
}  # fmt: skip


@dataclass(frozen=True)
class Header:
    """Size in px (width, height) and mm per pixel (x, y) of a file."""

    size: tuple[int, int]
    spacing: tuple[float, float]


def read_image(
    path: Path,
    mpp: float | None = None,
    budget: MemoryBudget | None = None,
    mpp_source: str = OPTION,
) -> Image:
    """Read a .tif, .tiff or .mha file, or with `mpp` a .png, .jpg or .jpeg file.

    What any thread writes to the process's stdout and stderr meanwhile is lost.

    Args:
        path: of the file.
        mpp: µm per pixel of both axes; where given, it replaces what the file says.
        budget: what image and detection may take; None for no limit.
        mpp_source: where `mpp` is stated.

    Raises:
        ImageError: the file is not one plausible 8-bit RGB image, or its header declares one that
            would take too much memory.
    """
    suffix = path.suffix.lower()
    if suffix in whole_slide.SUFFIXES:
        raise ImageError(
            f"'{suffix}' files are whole slides, which cannot be read as a single image"
        )
    if suffix not in READERS:
        raise ImageError(why_not_read(path))
    if mpp is None and suffix in SUFFIXES_WITH_MPP:
        raise ImageError(f"{suffix} files do not contain a reliable pixel size: {STATE_IT}")
    user = stated_by_user(mpp, mpp_source)
    _check_before_opening(path)
    with output_captured(), library_errors_named():
        image = READERS[suffix](path, user, budget)
    return replace(image, warnings=image.warnings + repeated_rows_warning(image.pixels))


def why_not_read(path: Path) -> str:
    """Why a file whose suffix is none of those that are read is not, and the remedy."""
    usual = _OTHER_NAMES.get(path.suffix.lower())
    if usual is None:
        return NOT_READ
    return f"'{path.suffix}' is not a suffix that is read: rename it to {path.stem}{usual}"


def read_header(path: Path, mpp: float | None = None) -> Header:
    """Size and pixel size of a TIFF file, without its pixels.

    mpp: as for read_image. Raises ImageError where read_image would refuse the header.
    """
    user = stated_by_user(mpp)
    _check_before_opening(path)
    with library_errors_named(), open_page(path, user) as (page, size):
        return Header((page.imagewidth, page.imagelength), size.spacing)


def _check_before_opening(path: Path) -> None:
    check_file(path)
    check_content(path)
