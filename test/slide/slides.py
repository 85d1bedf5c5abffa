"""Whole slides for tests: rendered tissue on glass with a scanner's noise, in three formats."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import PIL.Image
import tifffile

from test.rendering import render_tissue

Kind = Literal["pages", "ome", "svs", "raw"]
TILE = 256
FACTORS = (1, 4, 16)
APERIO = "Aperio Leica Biosystems GT450 v1.0.1 \r\n{w}x{h} [0,0,{w}x{h}] (256x256) JPEG/YCC Q=91"
SIZE, PLACE, PIECE = (2600, 2400), (1872, 1888), (320, 400)  # w, h; x, y; h, w of the tissue


def glass(height: int, width: int, seed: int = 1) -> np.ndarray:
    """(height, width, 3) uint8 of empty glass."""
    noise = np.random.default_rng(seed).normal((243, 241, 243), 2.0, (height, width, 3))
    return np.clip(noise, 0, 255).round().astype(np.uint8)


def tissue(size: tuple[int, int] = PIECE, seed: int = 3, figures: int = 2) -> np.ndarray:
    """(height, width, 3) uint8 of tissue."""
    return render_tissue(size, figures=figures, seed=seed)[0]


def pixels_on_glass(
    size: tuple[int, int] = SIZE, places: dict[tuple[int, int], np.ndarray] | None = None
) -> np.ndarray:
    """A slide's pixels: pieces of tissue at their places (x, y) on glass."""
    slide = glass(size[1], size[0])
    for (x, y), piece in ({PLACE: tissue()} if places is None else places).items():
        slide[y : y + piece.shape[0], x : x + piece.shape[1]] = piece
    return slide


def write_slide(
    path: Path, pixels: np.ndarray, kind: Kind, mpp: float | None = 0.25, **options: Any
) -> Path:
    """Write a pyramid with levels shrunk by FACTORS; `raw` is uncompressed, the others JPEG."""
    height, width = pixels.shape[:2]
    with tifffile.TiffWriter(path, bigtiff=True, ome=kind == "ome") as writer:
        for index, factor in enumerate(FACTORS):
            level = PIL.Image.fromarray(pixels).reduce(factor)
            how = encoding(kind, index, (width, height), mpp, factor) | options
            writer.write(np.asarray(level), **how)
            if kind == "svs" and index == 0:
                write_thumbnail(writer, (width, height))
        if kind == "svs":
            write_accessories(writer)
    return path


def encoding(
    kind: Kind, index: int, size: tuple[int, int], mpp: float | None, factor: int
) -> dict[str, Any]:
    """tifffile's options for a level."""
    how: dict[str, Any] = {"tile": (TILE, TILE), "photometric": "rgb", "metadata": None}
    if kind != "raw":
        how |= {"compression": "jpeg", "compressionargs": {"level": 95}}
    if mpp is not None:
        per_cm = 10_000 / (mpp * factor)
        how |= {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER"}
    if kind == "svs":
        text = APERIO.format(w=size[0], h=size[1])
        return how | {"description": text + (f"|AppMag = {10 / mpp:g}|MPP = {mpp}" if mpp else "")}
    if kind == "ome" and index == 0:
        return how | {"subifds": len(FACTORS) - 1, "metadata": {"axes": "YXS"}}
    return how | {"subfiletype": int(index > 0)}


def write_thumbnail(writer: tifffile.TiffWriter, size: tuple[int, int]) -> None:
    """Aperio's second page, in strips."""
    thumbnail = np.full((size[1] // 20, size[0] // 20, 3), 243, np.uint8)
    writer.write(thumbnail, photometric="rgb", compression="jpeg", rowsperstrip=16, metadata=None)


def write_accessories(writer: tifffile.TiffWriter) -> None:
    """Aperio's label, dark red, and the picture of the whole slide."""
    label = np.full((400, 380, 3), (120, 10, 10), np.uint8)
    writer.write(label, photometric="rgb", compression="lzw", subfiletype=1, metadata=None)
    macro = np.full((430, 1280, 3), 200, np.uint8)
    writer.write(macro, photometric="rgb", compression="jpeg", subfiletype=9, metadata=None)


def write_large_slide(
    path: Path, size: tuple[int, int], places: dict[tuple[int, int], np.ndarray]
) -> None:
    """A generic pyramid whose glass repeats one of 16 JPEG tiles, written without its pixels.

    places: pieces of tissue by their corner (x, y), multiples of 16 tiles.
    """
    empty = [_jpeg(glass(TILE, TILE, seed), 85) for seed in range(16)]
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for index, factor in enumerate((1, 4, 16)):
            width, height = size[0] // factor, size[1] // factor
            drawn: dict[tuple[int, int], bytes] = {}
            for (x, y), piece in places.items():
                drawn |= _drawn_tiles(piece, x // factor, y // factor, factor)
            writer.write(
                _tiles(width, height, drawn, empty),
                shape=(height, width, 3),
                dtype=np.uint8,
                photometric="ycbcr",
                subsampling=(1, 1),
                compression="jpeg",
                tile=(TILE, TILE),
                metadata=None,
                subfiletype=int(index > 0),
                resolution=(40_000 / factor, 40_000 / factor),
                resolutionunit="CENTIMETER",
            )


def _drawn_tiles(piece: np.ndarray, x: int, y: int, factor: int) -> dict[tuple[int, int], bytes]:
    small = np.asarray(PIL.Image.fromarray(piece).reduce(factor))
    rows, columns = (-(-side // TILE) for side in small.shape[:2])
    block = glass(rows * TILE, columns * TILE)
    block[: small.shape[0], : small.shape[1]] = small
    return {
        (y // TILE + row, x // TILE + column): _jpeg(
            block[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE], 92
        )
        for row in range(rows)
        for column in range(columns)
    }


def _tiles(
    width: int, height: int, drawn: dict[tuple[int, int], bytes], empty: list[bytes]
) -> Iterator[bytes]:
    for row in range(-(-height // TILE)):
        for column in range(-(-width // TILE)):
            yield drawn.get((row, column)) or empty[(row * 31 + column * 7) % len(empty)]


def _jpeg(pixels: np.ndarray, quality: int) -> bytes:
    encoded = io.BytesIO()
    PIL.Image.fromarray(pixels).save(encoded, "jpeg", quality=quality, subsampling=0)
    return encoded.getvalue()
