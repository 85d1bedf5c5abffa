"""TIFF files as scanners and other programs write them, which tifffile alone cannot make."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image as Picture

from test.rendering import render_tissue

TILE = 64
RGB = render_tissue((150, 200), figures=0, seed=5)[0]  # no multiple of a tile, unequal sides
YCBCR = np.asarray(Picture.fromarray(RGB).convert("YCbCr"))
CM: dict[str, Any] = {"resolution": (40000, 40000), "resolutionunit": "CENTIMETER"}  # 0.25 µm
Encode = Callable[[np.ndarray], bytes]
ASCII, SHORT, LONG, RATIONAL, FLOAT = 2, 3, 4, 5, 11  # field types of TIFF 6.0
FORMATS = {ASCII: "B", SHORT: "H", LONG: "I", RATIONAL: "I", FLOAT: "f"}


def write(path: Path, pixels: np.ndarray = RGB, **options: Any) -> None:
    """A plain RGB file of 0.25 µm per pixel unless tifffile's options say otherwise."""
    tifffile.imwrite(path, pixels, **{"photometric": "rgb", "metadata": None} | CM | options)


def write_encoded(
    path: Path,
    encode: Encode,
    compression: str | int,
    photometric: int = 2,
    pixels: np.ndarray = RGB,
    description: str | None = None,
) -> None:
    """Tiles encoded by `encode`, under any Compression and PhotometricInterpretation."""
    with tifffile.TiffWriter(path) as writer:
        kind: dict[str, Any] = {"photometric": "rgb", "compression": 33005}
        if compression == "jpeg":
            kind = {"photometric": "ycbcr", "subsampling": (1, 1), "compression": "jpeg"}
        writer.write(
            map(encode, tiles(pixels)), shape=pixels.shape, dtype=np.uint8, tile=(TILE, TILE),
            metadata=None, description=description, **kind, **CM,
        )  # fmt: skip
    changes: list[tuple[int, int, list[float]]] = [(262, SHORT, [photometric])]
    if isinstance(compression, int):
        changes.append((259, SHORT, [compression]))
    edit_ifd(path, changes, drop=(530, 532))  # YCbCrSubSampling, ReferenceBlackWhite


def tiles(pixels: np.ndarray) -> Iterator[np.ndarray]:
    """Tiles from left to right and top to bottom, the image's edge repeated in the padding."""
    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((0, -height % TILE), (0, -width % TILE), (0, 0)), "edge")
    for y in range(0, height, TILE):
        for x in range(0, width, TILE):
            yield np.ascontiguousarray(padded[y : y + TILE, x : x + TILE])


def edit_ifd(
    path: Path, changes: Sequence[tuple[int, int, Sequence[float]]], drop: Sequence[int] = ()
) -> None:
    """Set tags (number, field type, values) of the first page, whatever their type was, or drop."""
    data = bytearray(path.read_bytes())
    assert data[:4] == b"II*\0"
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    places = range(first + 2, first + 2 + 12 * count, 12)
    entries = {struct.unpack_from("<H", data, at)[0]: bytes(data[at : at + 12]) for at in places}
    (following,) = struct.unpack_from("<I", data, first + 2 + 12 * count)
    for tag in drop:
        entries.pop(tag, None)
    for tag, kind, values in changes:
        payload = struct.pack(
            f"<{len(values)}{ {2: 'B', 3: 'H', 4: 'I', 5: 'I', 11: 'f'}[kind] }", *values
        )
        if len(payload) > 4:
            at = _append(data, payload)
            payload = struct.pack("<I", at)
        number = len(values) // 2 if kind == RATIONAL else len(values)
        entries[tag] = struct.pack("<HHI", tag, kind, number) + payload.ljust(4, b"\0")
    body = b"".join(entries[tag] for tag in sorted(entries))
    at = _append(data, struct.pack("<H", len(entries)) + body + struct.pack("<I", following))
    struct.pack_into("<I", data, 4, at)
    path.write_bytes(data)


def _append(data: bytearray, payload: bytes) -> int:
    if len(data) % 2:
        data.append(0)
    data.extend(payload)
    return len(data) - len(payload)


def drop_segments(path: Path, indices: Sequence[int]) -> None:
    """Leave tiles or strips out of a file: offset and byte count 0."""
    with tifffile.TiffFile(path, mode="r+") as file:
        page = file.pages.first
        kind = "Tile" if page.is_tiled else "Strip"
        for name, values in (("Offsets", page.dataoffsets), ("ByteCounts", page.databytecounts)):
            kept = [0 if i in indices else value for i, value in enumerate(values)]
            page.tags[kind + name].overwrite(kept)


# ------------------------------------------------------------------------------------- descriptions


def ome(
    width: int = RGB.shape[1], height: int = RGB.shape[0], x: str = "0.25", unit: str = ""
) -> str:
    """OME-XML of one image, its pixel size in µm unless a unit is stated."""
    units = f'PhysicalSizeXUnit="{unit}" PhysicalSizeYUnit="{unit}"' if unit else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        f'<Pixels ID="Pixels:0" SizeX="{width}" SizeY="{height}" PhysicalSizeX="{x}" '
        f'PhysicalSizeY="{x}" {units}/></Image></OME>'
    )


def aperio(width: int = RGB.shape[1], height: int = RGB.shape[0], mpp: str = "0.2500") -> str:
    """Aperio's description of the baseline of a slide."""
    return (
        f"Aperio Image Library v11.2.1 \r\n{width}x{height} [0,0 {width}x{height}] (256x256) "
        f"JPEG/RGB Q=70|AppMag = 40|MPP = {mpp}|Left = 25.6"
    )


def philips(*spacings: str) -> str:
    """Philips' XML, of a level with each spacing."""
    levels = "".join(
        '<DataObject ObjectType="PixelDataRepresentation"><Attribute Name="DICOM_PIXEL_SPACING" '
        f'Group="0x0028" Element="0x0030" PMSVR="IDoubleArray">{s}</Attribute></DataObject>'
        for s in spacings
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" ?><DataObject ObjectType="DPUfsImport">'
        f"{levels}</DataObject>"
    )


# ------------------------------------------------------------------------------------- JPEG streams


def jfif(subsampling: int, **options: Any) -> Encode:
    """Pillow's JPEG with a JFIF marker. subsampling: 0 4:4:4, 1 4:2:2, 2 4:2:0."""

    def encode(tile: np.ndarray) -> bytes:
        stream = io.BytesIO()
        picture = Picture.fromarray(tile)
        picture.save(stream, "jpeg", quality=97, subsampling=subsampling, **options)
        return stream.getvalue()

    return encode


def rgb_jpeg(tile: np.ndarray) -> bytes:
    """A JPEG that holds RGB, and says so in an Adobe marker."""
    return bytes(imagecodecs.jpeg_encode(tile, 97, colorspace="rgb", outcolorspace="rgb"))


def without_markers(encode: Encode) -> Encode:
    """The stream without its application markers."""

    def bare(tile: np.ndarray) -> bytes:
        data, kept, place = encode(tile), bytearray(b"\xff\xd8"), 2
        while data[place + 1] != 0xDA:
            (length,) = struct.unpack_from(">H", data, place + 2)
            if not 0xE0 <= data[place + 1] <= 0xEF:
                kept += data[place : place + 2 + length]
            place += 2 + length
        return bytes(kept) + data[place:]

    return bare


def adobe(encode: Encode, transform: int) -> Encode:
    """The stream with an Adobe marker in place of all others."""
    marker = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([transform])
    bare = without_markers(encode)
    return lambda tile: b"\xff\xd8" + marker + bare(tile)[2:]


def j2k(container: str = "J2K", transform: bool = False, colour: str | None = None) -> Encode:
    """JPEG 2000, lossless. transform: whether the codec transforms the components."""
    return lambda tile: bytes(
        imagecodecs.jpeg2k_encode(
            tile, codecformat=container, mct=transform, colorspace=colour, level=0, reversible=True
        )
    )
