"""Checks that any file passes before its pixels are decoded, and the remedies that errors name."""

from __future__ import annotations

import math
import stat
from collections.abc import Sequence
from pathlib import Path

from slide.image import ImageError

MAX_PIXELS = 10**9  # 3 GB of RGB; twenty-five times an image of MIDOG 2021

CUT_OUT = "cut out the region to analyse"
SAVE_PAGE = "save the one to analyse as a separate file"
EXPORT_AGAIN = "copy or export it again"
EXPORT_IN_COLOUR = "export it in colour (8-bit RGB)"
CONVERT_TO_8_BITS = "convert it to 8-bit RGB"


def check_file(path: Path) -> None:
    """Raise ImageError unless `path` is a regular file that can be opened and is not empty."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:  # SimpleITK would end the process
        raise ImageError("its name or folder's is not UTF-8: rename it") from error
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise ImageError("not a regular file: give a file")
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ImageError(
            f"cannot be opened ({reason}): check the path and its permissions"
        ) from error
    if empty:
        raise ImageError(f"an empty file (0 bytes): {EXPORT_AGAIN}")


def check_size(size: Sequence[int]) -> None:
    """Raise ImageError for a size in px without area, or of more than MAX_PIXELS."""
    if min(size) < 1:
        raise ImageError(
            f"declares {shown_size(size)} pixels, damaged or without area: {EXPORT_AGAIN}"
        )
    if math.prod(size) > MAX_PIXELS:
        raise ImageError(f"declares {shown_size(size)} pixels, over {MAX_PIXELS:.0e}: {CUT_OUT}")


def shown_size(size: Sequence[int]) -> str:
    """Such as "640x480"."""
    return "x".join(map(str, size))
