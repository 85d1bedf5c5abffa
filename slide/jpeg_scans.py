"""The scans of a progressive JPEG stream: which coefficients each encodes, and with which codes.

Of ITU-T T.81, annexes B.2.3 (scan header) and G (progressive mode).
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from slide.jpeg_header import END, huffman_symbols, huffman_tables

# Start of a segment; not a byte of 255 in encoded pixels, nor a restart.
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
_SOS, _DHT = 0xDA, 0xC4


class Scan(NamedTuple):
    """One scan.

    Attributes:
        start, end: of the encoded bits, bytes in the stream.
        is_dc: whether it encodes the means of blocks.
        is_refinement: whether it adds a bit to what an earlier scan encoded.
        zeros: for each component, the symbol whose code is bits of 0; None without its table.
    """

    start: int
    end: int
    is_dc: bool
    is_refinement: bool
    zeros: tuple[int | None, ...]


def progressive_scans(data: bytes | mmap.mmap, tables: bytes = b"") -> Iterator[Scan]:
    """All scans up to the end marker; damaged headers are passed over.

    tables: the stream that defines Huffman tables for this one, if it does not.
    """
    symbols = huffman_symbols(tables)
    place = 2
    while found := _MARKER.search(data, place):
        at = found.start()
        if found.group() == END or at + 4 > len(data):
            return
        (length,) = struct.unpack_from(">H", data, at + 2)
        place = at + 2 + max(length, 2)
        body = data[at + 4 : place]
        if data[at + 1] == _DHT:
            symbols |= huffman_tables(body)
        elif data[at + 1] == _SOS and body and len(body) == 2 * body[0] + 4:
            next_marker = _MARKER.search(data, place)
            end = next_marker.start() if next_marker else len(data)
            yield _scan(body, place, end, symbols)


def _scan(header: bytes, start: int, end: int, symbols: dict[tuple[int, int], bytes]) -> Scan:
    is_dc = header[-3] == 0
    numbers = [pair >> 4 if is_dc else pair & 15 for pair in header[2:-3:2]]
    tables = [symbols.get((0 if is_dc else 1, number)) for number in numbers]
    zeros = tuple(table[0] if table else None for table in tables)
    return Scan(start, end, is_dc, header[-1] >> 4 > 0, zeros)
