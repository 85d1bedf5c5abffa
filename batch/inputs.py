"""Which files of an input folder are images to process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from batch.documents.platform import PLATFORM_INPUTS
from batch.layout import OF_IMAGE
from batch.recognise import earlier_result, is_own
from slide.read import FORMATS, NOT_READ, SUFFIXES, SUFFIXES_WITH_MPP, why_not_read

SLUG = "histopathology-roi-cropout"  # the challenge's name of its input
PLATFORM_FILE = "inputs.json"
MAX_PLATFORM_BYTES = 1 << 20  # the platform writes some hundred an input
# A slug names a folder: it cannot lead elsewhere, nor be too long for a name.
_IS_SLUG = re.compile(r"[A-Za-z0-9_-]{1,255}")
# Files that operating systems leave beside a user's own.
HIDDEN = (".", "~$")  # "~$" in front of its name marks a document that Office has open
COMPANIONS = ("thumbs.db", "desktop.ini", "icon\r")
NO_MPP = "its pixel size is not known: state it with --mpp (µm per pixel) to include it"
TEXTS = (".md", ".txt")  # what people write about a folder of images
EMPTY = "an empty file (0 bytes), perhaps not copied or synchronised yet"


class Inputs(NamedTuple):
    """What an input holds.

    Attributes:
        folder: the input itself.
        images: in the order of their names.
        skipped: a line "file: reason" for each file that is not processed.
    """

    folder: Path
    images: list[Path]
    skipped: list[str]

    def why_empty(self) -> str:
        """One line on an input without any image to process."""
        line = f"no image to process in {self.folder}"
        skipped = [reason for reason in self.skipped if not is_text(reason)] or self.skipped
        if not skipped:
            return f"{line}: put images there ({FORMATS})"
        reasons = [reason.split(": ", 1)[-1] for reason in skipped]
        for reason in (NO_MPP, NOT_READ):
            if count := reasons.count(reason):
                first = skipped[reasons.index(reason)]
                return f"{line}: {first}" + (f" ({count} such files)" if count > 1 else "")
        return f"{line}: {skipped[0]}"


def find_images(source: Path, with_mpp: bool = False) -> Inputs:
    """Images in a folder and in its `images/<slug>/`, not deeper; or the one image file given.

    Args:
        source: folder as the platform mounts it, any folder of images, or an image file.
        with_mpp: whether the pixel size is given, so that PNG and JPEG files can be used.

    Raises:
        OSError: there is no such file or folder, or it cannot be listed.
    """
    if source.is_file():  # named by the user, so that only its kind counts
        reason = wrong_kind(source, with_mpp)
        return (
            Inputs(source, [], [f"{source.name}: {reason}"])
            if reason
            else Inputs(source, [source], [])
        )
    slugs, problem = platform_slugs(source)
    places = [source, *(source / "images" / slug for slug in slugs)]
    images: list[Path] = []
    skipped = [problem] if problem else []
    for path in _entries(places):
        if path.is_dir():
            if path not in (source / "images", *places):
                skipped.append(f"{path.name}: a folder")
        elif reason := _reason_to_skip(path, with_mpp):
            skipped.append(f"{path.name}: {reason}")
        elif path.name != PLATFORM_FILE:
            images.append(path)
    return Inputs(source, sorted(images, key=lambda path: path.name), skipped)


def is_text(skipped: str) -> bool:
    """Whether a line "file: reason" is about a text, which no user takes for an image."""
    return skipped.split(": ", 1)[0].lower().endswith(TEXTS)


def _entries(places: list[Path]) -> Iterator[Path]:
    """What is in the first folder, and in those of the others that are there."""
    for place in places:
        if place == places[0] or place.is_dir():
            yield from sorted(place.iterdir())


def _reason_to_skip(path: Path, with_mpp: bool) -> str | None:
    """Why a file is not an image to process; None for an image and for the platform's file."""
    if path.name == PLATFORM_FILE:
        return None
    if path.name.startswith(HIDDEN) or path.name.lower() in COMPANIONS:
        return "a hidden or system file"
    if path.name in OF_IMAGE and _is_of_earlier_run(path):
        return "written by an earlier run"
    return wrong_kind(path, with_mpp) or (EMPTY if _is_empty(path) else None)


def wrong_kind(path: Path, with_mpp: bool) -> str | None:
    """Why a file with this suffix is not processed."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES_WITH_MPP and not with_mpp:
        return NO_MPP
    if suffix not in SUFFIXES + SUFFIXES_WITH_MPP:
        return why_not_read(path)
    return None


def _is_of_earlier_run(path: Path) -> bool:
    result = earlier_result(path.parent)
    return result is not None and is_own(path, None, [result])


def _is_empty(path: Path) -> bool:
    """Whether a regular file has no content; False where that cannot be seen."""
    try:
        return path.is_file() and path.stat().st_size == 0
    except OSError:
        return False


def platform_slugs(folder: Path) -> tuple[list[str], str | None]:
    """Slugs of the image inputs that `inputs.json` names, and what is wrong with the file.

    The challenge's own slug is always among them, so the file may be missing or unreadable. Never
    raises.
    """
    slugs = {SLUG: None}  # in order, each once
    try:
        slugs |= dict.fromkeys(filter(_IS_SLUG.fullmatch, _stated_slugs(folder / PLATFORM_FILE)))
    except FileNotFoundError:
        return list(slugs), None
    except (OSError, ValueError, RecursionError) as error:
        reason = "not in the platform's format" if isinstance(error, ValidationError) else error
        return list(slugs), f"{PLATFORM_FILE}: cannot be understood ({reason}), not used"
    return list(slugs), None


def _stated_slugs(path: Path) -> list[str]:
    """The slugs in `inputs.json`.

    Raises:
        OSError, ValueError, RecursionError: it is not a regular file, too large, or not the
            platform's document.
    """
    if path.exists() and not path.is_file():
        raise OSError("not a regular file")  # a pipe would be waited for
    with path.open("rb") as file:
        content = file.read(MAX_PLATFORM_BYTES + 1)
    if len(content) > MAX_PLATFORM_BYTES:
        raise ValueError(f"over {MAX_PLATFORM_BYTES} bytes")
    return [entry.slug for entry in PLATFORM_INPUTS.validate_json(content)]
