"""Holes of zeros in JPEG streams, as a failed copy or download leaves them.

Decoders make pixels of them: in most streams bits of 0 are a code.
"""

from __future__ import annotations

import mmap

from slide.jpeg_header import END, huffman_symbols, is_progressive, scan_start
from slide.jpeg_scans import Scan, progressive_scans

_MIN_HOLE = 16  # bytes: in a pixel's block, 42 coefficients of -1 side by side
# Bytes. libjpeg writes up to 1,000 bits of refinement between two codes: at most 97 zeros in 7,392
# streams of 84 fields with even, noisy, shaded and patterned parts, means of blocks aside.
_MIN_PROGRESSIVE_HOLE = 512
_END_OF_BLOCK = 0  # ITU-T T.81, annex F.1.2.2
# Annex F.1.2.1: as many bits of a difference; with 1, bits of 0 are an even gradient. In tissue,
# zeros stand for it or for 0 in 2 of 84 fields, whatever the quality, and for 2 to 7 in the rest.
_SMALL_DIFFERENCES = {0, 1}


def has_hole(data: bytes | mmap.mmap, tables: bytes = b"") -> bool:
    """Whether the encoded pixels have a run of zeros that no encoder writes.

    tables: the stream that defines Huffman tables for this one, if it does not.
    """
    if is_progressive(data):
        hole = bytes(_MIN_PROGRESSIVE_HOLE)
        return any(
            data.find(hole, scan.start, scan.end) >= 0 and not _may_be_zeros(scan)
            for scan in progressive_scans(data, tables)
        )
    start = scan_start(data)
    at = data.find(bytes(_MIN_HOLE), start)
    if at < 0:
        return False
    end = data.find(END, start)
    return (end < 0 or at < end) and not _zeros_are_even(data, tables)


def _may_be_zeros(scan: Scan) -> bool:
    """Whether an even area or gradient, which has no detail in any block, may be zeros."""
    if scan.is_refinement:
        return scan.is_dc  # one bit a block, and no codes
    return set(scan.zeros) <= (_SMALL_DIFFERENCES if scan.is_dc else {_END_OF_BLOCK})


def _zeros_are_even(data: bytes | mmap.mmap, tables: bytes) -> bool:
    """Whether bits of 0 alone are the code of an even area or gradient: nothing finer."""
    symbols = huffman_symbols(tables) | huffman_symbols(data)
    coarse, fine = (symbols.get((kind, 0)) or b"\xff" for kind in (0, 1))
    return coarse[0] in _SMALL_DIFFERENCES and fine[0] == _END_OF_BLOCK
