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
from typing import NamedTuple

import numpy as np
from PIL import Image as Picture

from batch.documents import DocumentError
from batch.documents.tiles import Tiles, read_tiles
from batch.layout import TILES_FILE
from batch.writing import UNFINISHED, write_json
from report.regions import RegionReader, overview_shrink, shrunk

TILE = 510  # px; with its overlap a multiple of JPEG's blocks
OVERLAP = 1  # px
QUALITY = 80
DZI = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" Format="jpeg" '
    'Overlap="{overlap}" TileSize="{tile}"><Size Width="{width}" Height="{height}"/></Image>\n'
)


def levels_of(size: tuple[int, int]) -> int:
    """The number of the level in full resolution."""
    return (max(size) - 1).bit_length()


class Tile(NamedTuple):
    """A tile's place in the pyramid."""

    level: int
    column: int
    row: int

    @property
    def name(self) -> str:
        """Of its file."""
        return f"image_files/{self.level}/{self.column}_{self.row}.jpeg"


def all_tiles(size: tuple[int, int]) -> list[Tile]:
    """The tiles of a whole pyramid, the full resolution first."""
    levels = levels_of(size)
    return [
        Tile(levels - shrink, column, row)
        for shrink in range(levels + 1)
        for row in range(_count(shrunk(size, shrink)[1]))
        for column in range(_count(shrunk(size, shrink)[0]))
    ]


def tiles_around(size: tuple[int, int], points: np.ndarray, radius: float) -> list[Tile]:
    """The tiles of a slide's overview and, finer than that, those within a distance of points.

    Args:
        size: (width, height) of the slide in px.
        points: (n, 2) x, y in px.
        radius: px, half the side of the square round each point.
    """
    levels = levels_of(size)
    coarse = levels - overview_shrink(size)
    tiles = dict.fromkeys(tile for tile in all_tiles(size) if tile.level <= coarse)
    for level in range(levels, coarse, -1):
        last = [_count(side) - 1 for side in shrunk(size, levels - level)]
        side = float(TILE << (levels - level))
        for point in points:
            left, top = np.clip((point - radius) // side, 0, last).astype(int)
            right, bottom = np.clip((point + radius) // side, 0, last).astype(int)
            columns, rows = range(left, right + 1), range(top, bottom + 1)
            tiles |= {Tile(level, column, row): None for row in rows for column in columns}
    return sorted(tiles, key=lambda tile: (-tile.level, tile.row, tile.column))


def _count(side: int) -> int:
    """How many tiles there are along a side in px."""
    return -(-side // TILE)


def write_tiles(folder: Path, reader: RegionReader, sha256: str, wanted: list[Tile]) -> Tiles:
    """Write tiles of an image into a folder of its own, which appears when it is complete.

    Args:
        folder: to be made.
        reader: of the image.
        sha256: of the image file.
        wanted: which tiles; a view shows coarser ones where others are left out.

    Raises:
        ImageError: a region of a slide cannot be decoded.
        OSError: the folder exists and is not empty, or cannot be written to.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}."
    with tempfile.TemporaryDirectory(prefix=prefix, suffix=UNFINISHED, dir=folder.parent) as made:
        place = Path(made) / folder.name
        files = {name: _write(place / name, content) for name, content in _files(reader, wanted)}
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


def earlier_tiles(folder: Path, sha256: str, wanted: list[Tile]) -> Tiles | None:
    """The tiles of an image that an earlier page has left; None unless all wanted are there."""
    try:
        tiles = read_tiles(folder / TILES_FILE)
    except (OSError, DocumentError):
        return None
    complete = all((folder / name).is_file() for name in tiles.files)
    enough = {tile.name for tile in wanted} <= set(tiles.files)
    return tiles if complete and enough and tiles.sha256 == sha256 else None


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


def _files(reader: RegionReader, wanted: list[Tile]) -> Iterator[tuple[str, bytes]]:
    width, height = reader.size
    dzi = DZI.format(overlap=OVERLAP, tile=TILE, width=width, height=height)
    yield "image.dzi", dzi.encode()
    levels = levels_of(reader.size)
    for tile in wanted:
        sides = shrunk(reader.size, levels - tile.level)
        left, right = _span(tile.column, sides[0])
        top, bottom = _span(tile.row, sides[1])
        pixels = reader.read(left, top, right - left, bottom - top, levels - tile.level)
        yield tile.name, _jpeg(pixels)


def _span(number: int, side: int) -> tuple[int, int]:
    """First px of a tile along a side, and the px after its last one."""
    at = number * TILE
    return max(at - OVERLAP, 0), min(at + TILE + OVERLAP, side)


def _jpeg(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Picture.fromarray(pixels).save(content, "JPEG", quality=QUALITY)
    return content.getvalue()
