"""Which files of an input folder are images to process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from model.image import SUFFIXES, SUFFIXES_WITH_MPP

SLUG = "histopathology-roi-cropout"  # the challenge's name of its input
PLATFORM_FILE = "inputs.json"
SUMMARY_FILE = "results.json"  # of the output folder


class Inputs(NamedTuple):
    """Images in the order of their names, and a line for each thing that was passed over."""

    images: list[Path]
    passed_over: list[str]


def find_images(folder: Path, with_mpp: bool = False) -> Inputs:
    """Images in a folder and in its `images/<slug>/`, not deeper.

    Args:
        folder: as the platform mounts it, or any folder of images.
        with_mpp: whether the pixel size is given, so that PNG and JPEG files can be used.

    Raises:
        NotADirectoryError, PermissionError: the folder cannot be listed.
    """
    images: list[Path] = []
    passed_over: list[str] = []
    slugs, problem = platform_slugs(folder)
    if problem:
        passed_over.append(problem)
    places = [folder, *(folder / "images" / slug for slug in slugs)]
    suffixes = SUFFIXES + (SUFFIXES_WITH_MPP if with_mpp else ())
    for place in places:
        if place != folder and not place.is_dir():
            continue
        for path in sorted(place.iterdir()):
            if path.is_dir():
                if path not in (folder / "images", *places):
                    passed_over.append(f"{path.name}: a folder")
            elif path.suffix.lower() in suffixes:
                images.append(path)
            elif path.suffix.lower() in SUFFIXES_WITH_MPP:
                passed_over.append(f"{path.name}: give its pixel size with --mpp to include it")
            elif path.name != PLATFORM_FILE:
                passed_over.append(f"{path.name}: no .tif, .tiff or .mha file")
    return Inputs(sorted(images, key=lambda path: path.name), passed_over)


def platform_slugs(folder: Path) -> tuple[list[str], str | None]:
    """Slugs of the image inputs that `inputs.json` names, and what is wrong with the file.

    The slug stands under `interface` (2025) or `socket` (2026). The challenge's own is always
    looked for, so the file may be missing or unreadable.
    """
    path = folder / PLATFORM_FILE
    slugs = [SLUG]
    try:
        entries = json.loads(path.read_text())
        for entry in entries:
            slug = (entry.get("socket") or entry["interface"])["slug"]
            # A slug names a folder: one that leads elsewhere is none.
            if slug not in (*slugs, "", ".", "..") and Path(slug).name == slug:
                slugs.append(slug)
    except FileNotFoundError:
        return slugs, None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        return slugs, f"{PLATFORM_FILE}: cannot be understood ({type(error).__name__}), not used"
    return slugs, None


def output_names(images: list[Path]) -> list[str]:
    """Name of each image's output folder: "" for a single one, else its stem.

    Where stems clash, also by letter case, the whole file name is used, and a number behind it
    where that is taken too. No name leads out of the output folder or is that of its summary.
    """
    if len(images) == 1:
        return [""]
    stems = [path.stem.casefold() for path in images]
    taken = {"", ".", "..", SUMMARY_FILE}
    names = []
    for path, stem in zip(images, stems, strict=True):
        name = path.stem if stems.count(stem) == 1 and stem not in taken else path.name
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{path.name}-{number}"
        taken.add(name.casefold())
        names.append(name)
    return names
