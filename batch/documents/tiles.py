"""`tiles.json`: the tiles of an image that the page's zoomable view loads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from batch.documents.base import Document, read_document

# A name leads nowhere but into the folder of the document.
TileName = Annotated[
    str, Field(pattern=r"^(image\.dzi|image_files/[0-9]{1,2}/[0-9]{1,6}_[0-9]{1,6}\.jpeg)$")
]


class Tiles(Document):
    """An image as a Deep Zoom pyramid: level `levels` is the full resolution, each other half."""

    sha256: str = Field(description="SHA-256 of the image file")
    size_px: Annotated[tuple[int, int], Field(strict=False)] = Field(
        description="width and height of the image, px"
    )
    tile_px: int = Field(ge=1, description="side of a tile without its overlap, px")
    overlap_px: int = Field(ge=0, description="what a tile shares with each neighbour, px")
    levels: int = Field(ge=0, description="the number of the level in full resolution")
    files: dict[TileName, str] = Field(description="SHA-256 of each file in the folder")


TILES = TypeAdapter(Tiles)


def read_tiles(path: Path) -> Tiles:
    """Read a `tiles.json`.

    Raises:
        OSError: the file cannot be read.
        DocumentError: it is not such a document.
    """
    return read_document(path, TILES)
