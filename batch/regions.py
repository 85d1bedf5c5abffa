"""Which regions of which image: `--roi FILE` or `--roi FOLDER`, checked before the first image."""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from batch.manifest import Planned
from slide.image import ImageError
from slide.read import read_header
from slide.regions_of_interest import RegionError, load_regions

SUFFIX = ".geojson"
MOST_SHOWN = 10  # refused files


def with_regions(images: Sequence[Planned], roi: Path, mpp: float | None = None) -> list[Planned]:
    """The images with their regions of interest; those of a manifest are kept.

    Args:
        images: to process.
        roi: GeoJSON file for the only image, or folder with STEM.geojson for each.
        mpp: of images that do not state their own, µm per pixel.

    Raises:
        RegionError: a file is missing or cannot be used. Its text: option, file and reason,
            a line for each of the first files that cannot be used.
    """
    if not roi.is_dir():
        if len(images) > 1:
            raise RegionError(
                f"--roi {roi}: a file is for one image, but there are {len(images)}: give a folder "
                f"with NAME{SUFFIX} for each NAME.tif"
            )
        files = {image.path: roi for image in images if image.regions is None}
        return _with_each(images, files, mpp)
    files = _files_of([image.path for image in images if image.regions is None], roi)
    _check_names(roi, files)
    missing = [path for path, file in files.items() if not file.is_file()]
    if missing:
        others = f" ({len(missing)} of {len(images)} images lack theirs: {_named(missing)})"
        raise RegionError(
            f"--roi {roi}: no {files[missing[0]].name} in it for {missing[0].name}"
            + (others if missing[1:] else "")
        )
    return _with_each(images, files, mpp)


def _files_of(images: Sequence[Path], roi: Path) -> dict[Path, Path]:
    """STEM.geojson of each image, even if macOS stored its accents in another Unicode form."""
    files = {image: roi / f"{image.stem}{SUFFIX}" for image in images}
    if all(file.is_file() for file in files.values()):
        return files
    there = {unicodedata.normalize("NFC", file.name): file for file in roi.iterdir()}
    return {
        image: file if file.is_file() else there.get(unicodedata.normalize("NFC", file.name), file)
        for image, file in files.items()
    }


def _check_names(roi: Path, files: Mapping[Path, Path]) -> None:
    """Raise RegionError if images in the same place share a file, as a.tif and a.mha would."""
    for file in set(files.values()):
        images = sorted(path for path, other in files.items() if other == file)
        if len(images) > 1:
            raise RegionError(
                f"--roi {roi}: {file.name} would be for {_named(images)}: rename all but one, and "
                "give each its own"
            )


def _named(images: Sequence[Path]) -> str:
    """The names of the first, and whether there are more."""
    names = [path.name for path in images]
    return ", ".join(names[:MOST_SHOWN]) + (" …" if names[MOST_SHOWN:] else "")


def _with_each(
    images: Sequence[Planned], files: Mapping[Path, Path], mpp: float | None
) -> list[Planned]:
    """The images with the regions of their files. Raises RegionError with a line for each fault."""
    found, problems = [], []
    for image in images:
        try:
            file = files.get(image.path)
            found.append(image if file is None else _with(image, file, mpp))
        except RegionError as error:
            problems.append(str(error))
    if problems:
        rest = len(problems) - MOST_SHOWN
        more = [f"{rest} more such files"] if rest > 0 else []
        raise RegionError("\n".join(problems[:MOST_SHOWN] + more))
    return found


def _with(image: Planned, file: Path, mpp: float | None) -> Planned:
    try:
        regions = load_regions(file)
        with contextlib.suppress(ImageError):  # reported in its turn
            regions.check_inside(read_header(image.path, image.mpp or mpp).size)
    except RegionError as error:
        raise RegionError(f"--roi {file}: {error}") from error
    return replace(image, regions=regions)
