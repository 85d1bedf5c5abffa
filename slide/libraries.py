"""What the decoders' libraries print and raise, kept from the user."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from slide.checks import EXPORT_AGAIN
from slide.image import ImageError


@contextlib.contextmanager
def library_errors_named() -> Iterator[None]:
    """Turn whatever a decoder raises on a damaged or hostile file into an ImageError."""
    try:
        yield
    except ImageError:
        raise
    except RuntimeError as error:  # SimpleITK and imagecodecs: pages of text, or misleading
        raise ImageError(f"truncated or damaged, cannot be decoded: {EXPORT_AGAIN}") from error
    except Exception as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        if not reason.isprintable():  # a decoder may quote the file
            reason = ascii(reason)[1:-1]
        raise ImageError(f"cannot be read ({reason}): {EXPORT_AGAIN}") from error


@contextlib.contextmanager
def output_silenced() -> Iterator[None]:
    """Silence descriptors 1 and 2: libtiff, MetaIO, libjpeg and ITK bypass sys.stdout."""
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
