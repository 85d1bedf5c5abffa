"""What a JPEG stream says about itself before its pixels: size, samples, colours, orientation.

Of ITU-T T.81 (markers, frame header), JFIF 1.02 and Adobe's APP14 marker.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from slide.checks import CONVERT_TO_8_BITS, EXPORT_IN_COLOUR
from slide.image import ImageError

Colour = Literal["rgb", "ycbcr"]

END = b"\xff\xd9"  # marker, which never occurs in encoded pixels
_START = b"\xff\xd8\xff"
_SOI, _SOS, _DHT, _APP0, _APP1, _APP2, _APP14 = 0xD8, 0xDA, 0xC4, 0xE0, 0xE1, 0xE2, 0xEE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15
_PROGRESSIVE = 0xC2
_DECODED_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended and progressive, all with Huffman coding
_YCCK = 2  # Adobe's transform for CMYK
_ORIENTATION, _SHORT = 274, 3  # EXIF tag, and its type


@dataclass(frozen=True)
class JpegHeader:
    """The frame header and the application markers before it.

    Attributes:
        frame: marker of the frame header, 0xC0 to 0xCF.
        precision: bits per sample.
        size: px (width, height).
        components: (identifier, horizontal, vertical sampling factor) each.
        jfif: whether there is a JFIF marker.
        spacing: mm per pixel (x, y) by that marker; None where it states no density.
        adobe_transform: of the Adobe marker; None without one.
        orientation: of the EXIF data; None without one.
    """

    frame: int
    precision: int
    size: tuple[int, int]
    components: tuple[tuple[int, int, int], ...]
    jfif: bool
    adobe_transform: int | None
    orientation: int | None
    spacing: tuple[float, float] | None = None

    @property
    def is_subsampled(self) -> bool:
        """Whether the components differ in resolution."""
        return len({(horizontal, vertical) for _, horizontal, vertical in self.components}) > 1

    @property
    def colour(self) -> Colour | None:
        """Colours of a stream of three components; None if only the container says.

        As libjpeg decides (default_decompress_parms in jdapimin.c), except that identifiers of 1,
        2, 3 alone prove nothing: Aperio writes RGB with them.
        """
        if len(self.components) != 3:
            return None
        if self.jfif:
            return "ycbcr"
        if self.adobe_transform is not None:
            return "rgb" if self.adobe_transform == 0 else "ycbcr"
        if bytes(identifier for identifier, _, _ in self.components) == b"RGB":
            return "rgb"
        return "ycbcr" if self.is_subsampled else None


def read_jpeg_header(data: bytes | mmap.mmap) -> JpegHeader | None:
    """The header at the start of a JPEG stream, None if `data` ends or is damaged before it."""
    jfif, spacing, adobe, orientation = False, None, None, None
    for marker, start, end in _markers(data):
        body = data[start:end]
        if marker == _APP0 and body.startswith(b"JFIF\0"):
            jfif, spacing = True, _jfif_spacing(body)
        elif marker == _APP14 and body.startswith(b"Adobe") and len(body) >= 12:
            adobe = body[11]
        elif marker == _APP1 and body.startswith(b"Exif\0\0"):
            orientation = exif_orientation(body[6:])
        elif marker in _FRAMES and len(body) >= 6:
            precision, height, width, _ = struct.unpack_from(">BHHB", body)
            components = _components(body)
            return JpegHeader(
                marker, precision, (width, height), components, jfif, adobe, orientation, spacing
            )
    return None


def _jfif_spacing(body: bytes) -> tuple[float, float] | None:
    """mm per pixel (x, y): JFIF has pixels per inch or centimetre in 16 bits, 0.153 µm and more."""
    if len(body) < 12:
        return None
    unit, x, y = struct.unpack_from(">BHH", body, 7)
    millimetres = {1: 25.4, 2: 10.0}.get(unit)
    return None if millimetres is None or 0 in (x, y) else (millimetres / x, millimetres / y)


def _components(frame: bytes) -> tuple[tuple[int, int, int], ...]:
    parts = (frame[i : i + 2] for i in range(6, min(6 + 3 * frame[5], len(frame) - 2), 3))
    return tuple((name, factors >> 4, factors & 15) for name, factors in parts)


def huffman_symbols(data: bytes | mmap.mmap) -> dict[tuple[int, int], bytes]:
    """Symbols of each Huffman table before the first scan, by class (0 DC, 1 AC) and number.

    They stand in the order of their codes, so the first has the code of bits 0.
    """
    tables: dict[tuple[int, int], bytes] = {}
    for marker, start, end in _markers(data):
        if marker == _DHT:
            tables |= huffman_tables(data[start:end])
    return tables


def huffman_tables(body: bytes) -> dict[tuple[int, int], bytes]:
    """The tables of one DHT segment, as in huffman_symbols."""
    tables, start = {}, 0
    while start + 17 <= len(body):
        count = sum(body[start + 1 : start + 17])
        tables[body[start] >> 4, body[start] & 15] = body[start + 17 : start + 17 + count]
        start += 17 + count
    return tables


def is_progressive(data: bytes | mmap.mmap) -> bool:
    """Whether the pixels are encoded in several scans, each finer than the last."""
    return any(marker == _PROGRESSIVE for marker, _, _ in _markers(data))


def has_several_pictures(data: bytes | mmap.mmap) -> bool:
    """Whether the file lists pictures (CIPA DC-007), or another one follows the first."""
    end = data.find(END, scan_start(data))
    if end >= 0 and data.find(_START, end) >= 0:
        return True
    return any(
        marker == _APP2 and data[start:end].startswith(b"MPF\0")
        for marker, start, end in _markers(data)
    )


def icc_profile(data: bytes | mmap.mmap) -> bytes:
    """The colour profile of a JPEG stream (ICC.1:2022, B.4); empty without one."""
    parts = (data[start:end] for marker, start, end in _markers(data) if marker == _APP2)
    ours = [part for part in parts if part.startswith(b"ICC_PROFILE\0")]
    return b"".join(part[14:] for part in sorted(ours, key=lambda part: part[12:13]))


def scan_start(data: bytes | mmap.mmap) -> int:
    """Where the first scan begins, behind all headers."""
    return max((end for _, _, end in _markers(data)), default=0)


def check_jpeg(header: JpegHeader, components: int = 3) -> None:
    """Raise ImageError unless the stream holds so many components of 8 bits in a common process."""
    count = len(header.components)
    if count != components or header.adobe_transform == _YCCK:
        kind = {1: "greyscale", 3: "colour", 4: "CMYK"}.get(count, f"{count} channels")
        raise ImageError(f"{kind} JPEG data, but RGB is needed: {EXPORT_IN_COLOUR}")
    if header.precision != 8:
        raise ImageError(f"{header.precision}-bit JPEG samples: {CONVERT_TO_8_BITS}")
    if header.frame not in _DECODED_FRAMES:
        raise ImageError(
            f"lossless or arithmetic JPEG (SOF{header.frame - 0xC0}), which is not read: "
            f"{EXPORT_IN_COLOUR}"
        )


def has_end(data: bytes) -> bool:
    """Whether the last bytes of a JPEG stream, perhaps padded, have its end marker."""
    return END in data


def ends_once(data: bytes) -> bool:
    """Whether the first end marker behind a stream's headers is its last, padding aside.

    Decoders make up what an early end marker cuts off.
    """
    end = data.find(END, scan_start(data))
    return end >= 0 and not data[end + 2 :].strip(b"\0")


def exif_orientation(exif: bytes) -> int | None:
    """The Orientation of EXIF data, a TIFF structure; None where it is missing or damaged."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return None
    try:
        (directory,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, directory)
        for place in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", exif, place)
            if (tag, kind) == (_ORIENTATION, _SHORT):
                return int(value)
    except struct.error:  # an offset or count beyond the data
        return None
    return None


def _markers(data: bytes | mmap.mmap) -> Iterator[tuple[int, int, int]]:
    """Each segment before the first scan: its marker, and where its body starts and ends."""
    place = 0
    while (place := data.find(b"\xff", place)) >= 0 and place + 1 < len(data):
        marker = data[place + 1]
        if marker in (0x00, 0xFF) or marker == _SOI or 0xD0 <= marker <= 0xD7:
            place += 1 if marker == 0xFF else 2
            continue
        if marker == _SOS or place + 4 > len(data):
            return
        (length,) = struct.unpack_from(">H", data, place + 2)
        end = place + 2 + max(length, 2)
        yield marker, place + 4, end
        place = end
