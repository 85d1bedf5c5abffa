"""TIFF files with one tag changed to an extreme: what a mutation of random bytes seldom hits."""

from __future__ import annotations

import struct
from collections.abc import Iterator

TYPES = (0, 1, 2, 3, 4, 5, 7, 9, 12, 13, 16, 99, 0xFFFF)  # TIFF 6.0 and BigTIFF, and none of them
COUNTS = (0, 1, 2, 3, 4, 1000, 1 << 20, (1 << 31) - 1, (1 << 32) - 1)
VALUES = (
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 32, 64, 255, 256, 257, 1 << 15, (1 << 16) - 1,
    1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 34712, 34925, 50000, 50001, 50002, 33003, 52546,
)  # fmt: skip


def changed_tags(tiff: bytes) -> Iterator[bytes]:
    """Copies of a classic TIFF, each with the type, count or value of one tag of its first page
    changed, or a tag renamed to the one before it. None of another file."""
    if len(tiff) < 8 or tiff[:4] not in (b"II*\0", b"MM\0*"):
        return
    order = "<" if tiff[:1] == b"I" else ">"
    (page,) = struct.unpack_from(f"{order}I", tiff, 4)
    if page + 2 > len(tiff):
        return
    (entries,) = struct.unpack_from(f"{order}H", tiff, page)
    for number in range(min(entries, 40)):
        place = page + 2 + 12 * number
        if place + 12 > len(tiff):
            return
        for offset, code, values in ((2, "H", TYPES), (4, "I", COUNTS), (8, "I", VALUES)):
            for value in values:
                yield _put(tiff, place + offset, f"{order}{code}", value)
        for short in (v for v in VALUES if v < 1 << 16):  # big-endian shorts come first
            yield _put(tiff, place + 8, f"{order}H", short)
        if number:
            before = struct.unpack_from(f"{order}H", tiff, place - 12)[0]
            yield _put(tiff, place, f"{order}H", before)


def _put(data: bytes, place: int, form: str, value: int) -> bytes:
    copy = bytearray(data)
    struct.pack_into(form, copy, place, value)
    return bytes(copy)
