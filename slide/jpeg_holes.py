"""Holes of zeros in JPEG streams, as a failed copy or download leaves them.

Decoders make pixels of them: in most streams bits of 0 are a code.
"""

from __future__ import annotations

import mmap

from slide.jpeg_header import END, huffman_symbols, is_progressive, scan_start

_MIN_HOLE = 16  # bytes: in a pixel's block, 42 coefficients of -1 side by side
_MIN_PROGRESSIVE_HOLE = 512  # refinements of coefficients may be 0 for long
_END_OF_BLOCK = 0  # ITU-T T.81, annex F.1.2.2


def has_hole(data: bytes | mmap.mmap, tables: bytes = b"") -> bool:
    """Whether the encoded pixels have a run of zeros that no encoder writes.

    tables: the stream that defines Huffman tables for this one, if it does not.
    """
    start = scan_start(data)
    hole = bytes(_MIN_PROGRESSIVE_HOLE if is_progressive(data) else _MIN_HOLE)
    at = data.find(hole, start)
    if at < 0:
        return False
    end = data.find(END, start)
    return (end < 0 or at < end) and not _zeros_are_even(data, tables)


def _zeros_are_even(data: bytes | mmap.mmap, tables: bytes) -> bool:
    """Whether bits of 0 alone are the code of an even area: no change, and nothing finer."""
    symbols = huffman_symbols(tables) | huffman_symbols(data)
    coarse, fine = (symbols.get((kind, 0), b"\xff") for kind in (0, 1))
    return coarse[:1] == b"\0" and fine[:1] == bytes([_END_OF_BLOCK])
