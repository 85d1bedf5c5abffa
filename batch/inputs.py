"""Which files of an input folder are images to process."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from slide.read import SUFFIXES, SUFFIXES_WITH_MPP

SLUG = "histopathology-roi-cropout"  # the challenge's name of its input
PLATFORM_FILE = "inputs.json"
SUMMARY_FILE = "results.json"  # of the output folder
MAX_PLATFORM_BYTES = 1 << 20  # the platform writes some hundred an input
# A slug names a folder: what could lead elsewhere, or is too long for a name, is none.
_IS_SLUG = re.compile(r"[A-Za-z0-9_-]{1,255}")


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
    looked for, so the file may be missing or unreadable. Never raises.
    """
    slugs = {SLUG: None}  # in order, each once
    try:
        for entry in _platform_entries(folder / PLATFORM_FILE):
            slug = (entry.get("socket") or entry["interface"])["slug"]
            if _IS_SLUG.fullmatch(slug):
                slugs[slug] = None
    except FileNotFoundError:
        return list(slugs), None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = f"cannot be understood ({type(error).__name__})"
        return list(slugs), f"{PLATFORM_FILE}: {reason}, not used"
    return list(slugs), None


def _platform_entries(path: Path) -> Any:
    """The content of `inputs.json`: a list of entries, if all is well.

    Raises:
        OSError, ValueError, RecursionError: it is no regular file, too large, or no JSON.
    """
    if path.exists() and not path.is_file():
        raise OSError("no regular file")  # a pipe would be waited for
    with path.open("rb") as file:
        content = file.read(MAX_PLATFORM_BYTES + 1)
    if len(content) > MAX_PLATFORM_BYTES:
        raise ValueError(f"over {MAX_PLATFORM_BYTES} bytes")
    return json.loads(content)


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
