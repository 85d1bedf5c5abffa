"""What the decoders' libraries print and raise, kept from the user's terminal."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator

from slide.checks import EXPORT_AGAIN
from slide.image import ImageError

# tifffile logs each odd tag; without a handler, Python would print that on stderr.
logging.getLogger("tifffile").addHandler(logging.NullHandler())
_capturing = threading.Lock()
NOT_DECODED = f"truncated or damaged, cannot be decoded: {EXPORT_AGAIN}"
# What libjpeg prints where encoded pixels are missing or damaged (jerror.h): it makes them grey.
# Surplus bytes between the markers of a header (0xc0 to 0xcf, 0xda and above) do no harm.
_LOST_PIXELS = re.compile(
    rb"Premature end of JPEG file|premature end of data segment|bad Huffman code"
    rb"|extraneous bytes before marker 0xd[0-9]|instead of RST"
)


@contextlib.contextmanager
def library_errors_named() -> Iterator[None]:
    """Turn whatever a decoder raises on a damaged or hostile file into an ImageError."""
    try:
        yield
    except ImageError:
        raise
    except RuntimeError as error:  # SimpleITK and imagecodecs: pages of text, or misleading
        raise ImageError(NOT_DECODED) from error
    except Exception as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        if not reason.isprintable():  # a decoder may quote the file
            reason = ascii(reason)[1:-1]
        raise ImageError(f"cannot be read ({reason}): {EXPORT_AGAIN}") from error


@contextlib.contextmanager
def output_captured() -> Iterator[None]:
    """Keep descriptors 1 and 2 silent: libtiff, MetaIO, libjpeg and ITK bypass sys.stdout.

    One thread at a time, so that each restores what it found. Raises ImageError at the end if
    libjpeg printed that pixels are missing.
    """
    with _capturing, tempfile.TemporaryFile() as printed:
        with _redirected(printed.fileno()):
            yield
        printed.seek(0)
        if any(_LOST_PIXELS.search(line) for line in printed):
            raise ImageError(NOT_DECODED)


@contextlib.contextmanager
def _redirected(target: int) -> Iterator[None]:
    # Python has no stream for a descriptor that was closed when it started.
    streams = [(n, s) for n, s in ((1, sys.stdout), (2, sys.stderr)) if s is not None]
    kept = [os.dup(number) for number, _ in streams]
    try:
        for number, stream in streams:
            stream.flush()
            os.dup2(target, number)
        yield
    finally:
        for (number, stream), before in zip(streams, kept, strict=True):
            stream.flush()
            os.dup2(before, number)
            os.close(before)
