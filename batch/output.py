"""Files of the result: the challenge's JSON of each year, written whole or not at all."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

Format = Literal["2021", "2022", "2025"]
FORMATS: tuple[Format, ...] = ("2021", "2022", "2025")
FILE_NAME = "mitotic-figures.json"
RESULT_FILE = "result.json"  # of an image, ours
MITOTIC_FIGURE = "mitotic figure"
NON_MITOTIC_FIGURE = "non-mitotic figure"
UNFINISHED = ".part"  # ends the hidden name under which a file is written


def mitotic_figures(
    points: np.ndarray, probabilities: np.ndarray, threshold: float, output_format: Format = "2025"
) -> dict[str, Any]:
    """The content of `mitotic-figures.json`.

    Args:
        points: (n, 2) x, y in mm, world coordinates.
        probabilities: (n,) in 0..1.
        threshold: probability from which a point is called a mitotic figure.
        output_format: "2021" lists mitotic figures only, because its scorer counts every point;
            "2022" and "2025" list all points with a name and a probability.
    """
    if not (np.isfinite(points).all() and np.isfinite(probabilities).all()):
        raise ValueError("detections hold values that are not finite")
    entries: list[dict[str, Any]] = []
    for (x, y), probability in zip(points, probabilities, strict=True):
        positive = bool(probability >= threshold)
        point = {"point": [float(x), float(y), 0.0]}
        if output_format == "2021":
            if positive:
                entries.append(point)
            continue
        name = MITOTIC_FIGURE if positive else NON_MITOTIC_FIGURE
        entries.append({"name": name, **point, "probability": float(probability)})
    content: dict[str, Any] = {"type": "Multiple points"}
    if output_format == "2025":
        content = {"name": "Points of interest", **content}
    return content | {"points": entries, "version": {"major": 1, "minor": 0}}


class OutputError(Exception):
    """A result cannot be written. Its text: reason and remedy in one line."""


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Raise OutputError where what is written in it cannot be."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"the result cannot be written ({error.strerror or error}): is the output folder "
            "writable by this user, and is there space on its disk?"
        ) from error


def write_json(path: Path, content: object) -> None:
    """Write JSON as `write_whole` does.

    Raises:
        OSError: the folder cannot be written to, or the disk is full.
    """
    write_whole(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is either complete or not there (or the former one still is).

    What a killed process left of the same file is removed.

    Raises:
        OSError: the folder cannot be written to, or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name[:100]}."
    for left_over in path.parent.glob(f"{glob.escape(prefix)}*{UNFINISHED}"):
        left_over.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=UNFINISHED, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp's files are private; results are for everyone, as the user's mask allows.
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
