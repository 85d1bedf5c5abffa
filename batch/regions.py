"""Which regions of which image: `--roi FILE` or `--roi FOLDER`, checked before the first image."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from batch.manifest import Planned
from slide.image import ImageError
from slide.read import read_header
from slide.regions_of_interest import RegionError, load_regions

SUFFIX = ".geojson"


def with_regions(images: Sequence[Planned], roi: Path, mpp: float | None = None) -> list[Planned]:
    """The images with their regions of interest; those of a manifest are kept.

    Args:
        images: to process.
        roi: GeoJSON file for the only image, or folder with STEM.geojson for each.
        mpp: of images that do not state their own, µm per pixel.

    Raises:
        RegionError: a file is missing or cannot be used. Its text: option, file and reason.
    """
    if not roi.is_dir():
        if len(images) > 1:
            raise RegionError(
                f"--roi {roi}: a file is for one image, but there are {len(images)}: give a folder "
                f"with NAME{SUFFIX} for each NAME.tif"
            )
        return [_with(image, roi, mpp) for image in images]
    files = {image.path: roi / f"{image.path.stem}{SUFFIX}" for image in images}
    missing = [path for path, file in files.items() if not file.is_file()]
    if missing:
        raise RegionError(
            f"--roi {roi}: no {files[missing[0]].name} in it for {missing[0].name}"
            + (f" ({len(missing)} of {len(images)} images lack theirs)" if missing[1:] else "")
        )
    return [_with(image, files[image.path], mpp) for image in images]


def _with(image: Planned, file: Path, mpp: float | None) -> Planned:
    if image.regions is not None:
        return image
    try:
        regions = load_regions(file)
        with contextlib.suppress(ImageError):  # reported in its turn
            regions.check_inside(read_header(image.path, image.mpp or mpp).size)
    except RegionError as error:
        raise RegionError(f"--roi {file}: {error}") from error
    return replace(image, regions=regions)
