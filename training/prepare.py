"""Write the whole fields as TIFF files with resolution tags, and their ground truth.

OUT gets a folder per slide (A00 … A03, H00 … H03, Case_10) and OUT/ground_truth.json in MIDOG's
form for all of them. Category 1 is a mitotic figure, 2 a look-alike, 3 a figure that is painted
over in fields_h and cannot be found. With --pieces each field becomes several small images.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from batch.writing import write_json
from training.icpr_2012 import (
    FIELD_MPP,
    PARIS,
    PARIS_HAMAMATSU,
    field_figures,
    field_images,
)
from training.samples import SourceImage, read_rgb
from training.tables import read_table
from training.tiff import write_tiff

SLIDES = ("00", "01", "02", "03")
UNSEEN = "unknown_brecahad"
UNSEEN_MPP = 0.25  # unknown; estimated from the size of the nuclei
BOX = 50  # px, the side of MIDOG's boxes
CATEGORIES = {1: "mitotic figure", 2: "not mitotic figure", 3: "painted mitotic figure"}


class Field(NamedTuple):
    """A whole field: its image, µm per pixel, and centres (n, 2) px of each category."""

    image: SourceImage
    mpp: float
    centres: dict[int, np.ndarray]


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.prepare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, help="folder with fields_a/, fields_h/, unseen_lab/")
    parser.add_argument("out", type=Path, help="folder to write to")
    parser.add_argument(
        "--pieces",
        type=int,
        default=1,
        metavar="N",
        help="cut each field into N x N images, as small as those of a biopsy [%(default)s]",
    )
    options = parser.parse_args(arguments)
    if options.pieces < 1:
        parser.error("--pieces must be at least 1")
    count = prepare(options.data, options.out, options.pieces)
    print(f"wrote {count} TIFF files and {options.out / 'ground_truth.json'}")
    return 0


def prepare(data: Path, out: Path, pieces: int = 1) -> int:
    """Write TIFF files and ground truth of pieces x pieces images a field; the number of files."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    parts = (part for field in _fields(data) for part in cut_field(field, pieces))
    for field in tqdm(parts, desc="fields", mininterval=5):
        height, width = field.image.pixels.shape[:2]
        path = out / field.image.slide / f"{Path(field.image.file).stem}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tiff(path, field.image.pixels, field.mpp)
        images.append(
            {
                "id": len(images) + 1,
                "file_name": path.name,
                "width": width,
                "height": height,
                "slide": field.image.slide,
                "tissue": _tissue(field.image),
                "domain": field.image.domain,
                "mpp": field.mpp,
            }
        )
        for category, centres in field.centres.items():
            for centre in centres:
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": len(images),
                        "bbox": _box(centre),
                        "category_id": category,
                    }
                )
    categories = [{"id": key, "name": name} for key, name in CATEGORIES.items()]
    content = {"images": images, "annotations": annotations, "categories": categories}
    write_json(out / "ground_truth.json", content)
    return len(images)


def cut_field(field: Field, pieces: int) -> Iterator[Field]:
    """A field as pieces x pieces fields, row by row; the field itself where pieces is 1."""
    if pieces == 1:
        yield field
        return
    height, width = field.image.pixels.shape[:2]
    rows, columns = (np.linspace(0, side, pieces + 1).astype(int) for side in (height, width))
    stem, suffix = Path(field.image.file).stem, Path(field.image.file).suffix
    for number in range(pieces**2):
        row, column = divmod(number, pieces)
        start = np.array([columns[column], rows[row]])
        end = np.array([columns[column + 1], rows[row + 1]])
        image = field.image._replace(
            pixels=field.image.pixels[start[1] : end[1], start[0] : end[0]],
            file=f"{stem}-{number + 1}{suffix}",
        )
        centres = {
            category: points[((points >= start) & (points < end)).all(axis=1)] - start
            for category, points in field.centres.items()
        }
        yield Field(image, field.mpp, centres)


def _fields(data: Path) -> Iterator[Field]:
    for folder, domain, letter, category in (
        ("fields_a", PARIS, "A", 1),
        ("fields_h", PARIS_HAMAMATSU, "H", 3),
    ):
        figures = field_figures(data, folder)
        for image in field_images(data, folder, {letter + number for number in SLIDES}):
            here = figures.get(image.file, np.zeros((0, 2)))
            yield Field(image, FIELD_MPP[domain], {category: here})
    yield from unseen_fields(data)


def unseen_fields(data: Path) -> Iterator[Field]:
    rows = read_table(data / "unseen_lab" / "cells.csv")
    for path in sorted((data / "unseen_lab" / "images").glob("*.jpg")):
        centres = {
            category: np.array(
                [
                    (float(row["x"]), float(row["y"]))
                    for row in rows
                    if row["image"] == path.name and row["class"] == name
                ]
            ).reshape(-1, 2)
            for category, name in ((1, "Mitosis"), (2, "Apoptosis"))
        }
        image = SourceImage(read_rgb(path), path.name, path.stem.rsplit("-", 1)[0], UNSEEN)
        yield Field(image, UNSEEN_MPP, centres)


def _tissue(image: SourceImage) -> str:
    """Slide H00 is slide A00 on another scanner."""
    return f"paris_{image.slide[1:]}" if image.domain != UNSEEN else image.slide


def _box(centre: np.ndarray) -> list[float]:
    """MIDOG's box, x1, y1, x2, y2, whose centre is exactly the figure's."""
    x, y = float(centre[0]), float(centre[1])
    return [x - BOX / 2, y - BOX / 2, x + BOX / 2, y + BOX / 2]


if __name__ == "__main__":
    sys.exit(main())
