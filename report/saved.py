"""What `process.py` saved of an image, and the way back to the image itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from batch.inputs import SUMMARY_FILE, find_images
from batch.output import MITOTIC_FIGURE, NON_MITOTIC_FIGURE, RESULT_FILE
from model.weights import file_sha256
from slide.image import ImageError
from slide.read import read_image

# What is told of an image comes from these; all else may be absent, as in another version's result.
NEEDED = ("file", "threshold", "detections", "size_px", "pixel_size_um")


@dataclass(frozen=True)
class Saved:
    """An image's `result.json`.

    folder: where it stands; result: its content.
    """

    folder: Path
    result: dict[str, Any]

    @property
    def file(self) -> str:
        """Name of the image's file."""
        return str(self.result["file"])

    @property
    def ok(self) -> bool:
        """Whether the image could be processed; where not, there are no detections."""
        return bool(self.result["status"] == "ok")

    @property
    def threshold(self) -> float:
        """Probability from which a detection was called a mitotic figure."""
        return float(self.result["threshold"])

    @property
    def detections(self) -> list[dict[str, float]]:
        """x, y (px), probability and probability_without_adaptation, the most probable first."""
        return list(self.result.get("detections", []))

    @property
    def figures(self) -> int:
        """How many detections reach the threshold: they come first."""
        return sum(d["probability"] >= self.threshold for d in self.detections)

    def name_of(self, detection: dict[str, float]) -> str:
        """What the run called a detection, as in `mitotic-figures.json`."""
        reached = detection["probability"] >= self.threshold
        return MITOTIC_FIGURE if reached else NON_MITOTIC_FIGURE

    @property
    def adaptation(self) -> dict[str, Any]:
        """The account of what the adaptation did."""
        return dict(self.result.get("adaptation") or {})

    @property
    def warnings(self) -> list[str]:
        """Of the run."""
        return list(self.result.get("warnings") or [])

    @property
    def seconds(self) -> dict[str, float]:
        """By stage, and in all as "total"; results of other versions may lack some."""
        return dict(self.result.get("seconds") or {})

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        width, height = self.result["size_px"]
        return int(width), int(height)

    @property
    def mpp(self) -> tuple[float, float]:
        """µm per pixel, (x, y)."""
        x, y = self.result["pixel_size_um"]
        return float(x), float(y)

    @property
    def area_mm2(self) -> float:
        """Area of the image, glass included."""
        width, height = self.size_px
        return width * height * self.mpp[0] * self.mpp[1] / 1e6


def load_output(output: Path) -> list[Saved]:
    """The images of an output folder, in the order of its summary.

    Raises:
        ValueError: the folder is none that process.py wrote; the message says what to do.
    """
    summary = output / SUMMARY_FILE
    try:
        images = json.loads(summary.read_text())["images"]
        return [_load(_inside(output, image["folder"])) for image in images]
    except FileNotFoundError as error:
        raise ValueError(
            f"{error.filename} is missing: OUTPUT is a folder that process.py has written"
        ) from error
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{output} holds a result that cannot be understood ({error!r}): process it again"
        ) from error


def _inside(output: Path, name: str) -> Path:
    """An image's folder. What is made of the results is written there, so it must not be elsewhere.

    Raises:
        ValueError: the name, or a link of that name, leads out of the output folder.
    """
    folder = output / name
    if not folder.resolve().is_relative_to(output.resolve()):
        raise ValueError(f"{output / SUMMARY_FILE} names a folder outside {output}: {name!r}")
    return folder


def _load(folder: Path) -> Saved:
    """An image's result; a KeyError names what it lacks."""
    saved = Saved(folder, json.loads((folder / RESULT_FILE).read_text()))
    for key in NEEDED if saved.ok else ("file",):
        saved.result[key]
    return saved


def read_pixels(saved: Saved, source: Path | None = None) -> np.ndarray:
    """(height, width, 3) uint8 RGB of the very file that the result was made from.

    Args:
        saved: result of the image.
        source: folder of images, as `--input` of process.py; None for the place that
            `result.json` keeps, which is relative to it.

    Raises:
        ImageError: the file is not there, or is not the one of the result.
    """
    kept = saved.result.get("image", {})
    path = saved.folder / kept.get("path", saved.file)
    if source is not None:
        named = [image for image in find_images(source, True).images if image.name == saved.file]
        path = next((p for p in named if _is_the_one(p, kept)), *named[:1] or [source / saved.file])
    if not path.is_file():
        raise ImageError(f"not found at {path}: say with --input where the images are")
    if not _is_the_one(path, kept):
        raise ImageError(f"{path} is not the file that was processed: its content differs")
    return read_image(path, saved.mpp[0]).pixels


def _is_the_one(path: Path, kept: dict[str, Any]) -> bool:
    """Whether the file has the hash that was kept; older results kept none."""
    return "sha256" not in kept or file_sha256(path) == kept["sha256"]
