"""A large image as the tiles that the page's zoomable view loads: Microsoft's Deep Zoom (DZI).

Level n of a pyramid of `levels` levels shows the image 2 ** (levels - n) times smaller, rounded up,
down to 1 px at level 0; tile "column_row" has one more px on each side that has a neighbour.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image as Picture

from batch.documents import DocumentError
from batch.documents.tiles import Tiles, read_tiles
from batch.layout import TILES_FILE
from batch.writing import UNFINISHED, write_json

TILE = 510  # px; with its overlap a multiple of JPEG's blocks
OVERLAP = 1  # px
QUALITY = 80
DZI = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" Format="jpeg" '
    'Overlap="{overlap}" TileSize="{tile}"><Size Width="{width}" Height="{height}"/></Image>\n'
)


class RegionReader(Protocol):
    """Reads parts of an image, of which it may hold no more than it is asked for."""

    size: tuple[int, int]

    def read(self, x: int, y: int, width: int, height: int, shrink: int) -> np.ndarray:
        """(height, width, 3) uint8 RGB of the image made 2 ** shrink times smaller.

        x, y, width, height: px of the smaller image; the region is inside it.
        """


class ArrayReader:
    """The regions of an image in memory; each level is the mean of 2 x 2 px of the next."""

    def __init__(self, pixels: np.ndarray) -> None:
        """pixels: (height, width, 3) uint8 RGB."""
        self._levels = [Picture.fromarray(pixels)]
        self.size = self._levels[0].size

    def read(self, x: int, y: int, width: int, height: int, shrink: int) -> np.ndarray:
        """A region of a level, as RegionReader describes it."""
        while len(self._levels) <= shrink:
            self._levels.append(self._levels[-1].reduce(2))
        return np.asarray(self._levels[shrink].crop((x, y, x + width, y + height)))


def levels_of(size: tuple[int, int]) -> int:
    """The number of the level in full resolution."""
    return (max(size) - 1).bit_length()


def write_tiles(folder: Path, reader: RegionReader, sha256: str) -> Tiles:
    """Write the pyramid of an image into a folder of its own, which appears when it is complete.

    Args:
        folder: to be made.
        reader: of the image.
        sha256: of the image file.

    Raises:
        OSError: the folder exists and is not empty, or cannot be written to.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}."
    with tempfile.TemporaryDirectory(prefix=prefix, suffix=UNFINISHED, dir=folder.parent) as made:
        place = Path(made) / folder.name
        files = {name: _write(place / name, content) for name, content in _files(reader)}
        tiles = Tiles(
            sha256=sha256,
            size_px=reader.size,
            tile_px=TILE,
            overlap_px=OVERLAP,
            levels=levels_of(reader.size),
            files=files,
        )
        write_json(place / TILES_FILE, tiles.content())
        place.rename(folder)
    return tiles


def earlier_tiles(folder: Path, sha256: str) -> Tiles | None:
    """The pyramid of an image that an earlier page has left; None unless it is complete."""
    try:
        tiles = read_tiles(folder / TILES_FILE)
    except (OSError, DocumentError):
        return None
    complete = all((folder / name).is_file() for name in tiles.files)
    return tiles if complete and tiles.sha256 == sha256 else None


def set_folder_aside(folder: Path) -> Path:
    """Rename a folder so that its name is free; its new place."""
    number = 1
    while (aside := folder.with_name(f"{folder.name}.kept-{number}")).exists():
        number += 1
    return folder.rename(aside)


def _write(path: Path, content: bytes) -> str:
    """Write a file; its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _files(reader: RegionReader) -> Iterator[tuple[str, bytes]]:
    width, height = reader.size
    dzi = DZI.format(overlap=OVERLAP, tile=TILE, width=width, height=height)
    yield "image.dzi", dzi.encode()
    levels = levels_of(reader.size)
    for level in range(levels, -1, -1):
        shrink = levels - level
        columns, rows = (_spans(-(-side >> shrink)) for side in reader.size)
        for row, (top, bottom) in enumerate(rows):
            for column, (left, right) in enumerate(columns):
                pixels = reader.read(left, top, right - left, bottom - top, shrink)
                yield f"image_files/{level}/{column}_{row}.jpeg", _jpeg(pixels)


def _spans(side: int) -> list[tuple[int, int]]:
    """First px and the px after the last one of each tile along a side."""
    starts = range(0, side, TILE)
    return [(max(at - OVERLAP, 0), min(at + TILE + OVERLAP, side)) for at in starts]


def _jpeg(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Picture.fromarray(pixels).save(content, "JPEG", quality=QUALITY)
    return content.getvalue()
