"""What must hold for any bytes whatever: of an image file, and of an `inputs.json`.

The same checks serve the long run under atheris (`python -m test.fuzz`), the short one under
hypothesis and the findings kept from both (test/test_fuzz.py).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

import slide.checks
from batch.inputs import PLATFORM_FILE, SLUG, find_images, platform_slugs
from batch.layout import output_names
from slide.image import Image, ImageError
from slide.pixel_size import PLAUSIBLE_MPP
from slide.read import read_image

# The reader's own limit of 3 GB an image is kept by test/test_odd_inputs.py. Here it is lower, so
# that an input takes milliseconds.
MAX_PIXELS = 1 << 20
# The first byte of an input says which kind of file the rest is.
KINDS: tuple[tuple[str, float | None], ...] = (
    (".tif", None), (".mha", None), (".tif", 0.25), (".png", 0.25), (".jpg", 0.25),
)  # fmt: skip
REGION = "another-region"  # a folder of images beside the challenge's own, for a slug to name


class Target(NamedTuple):
    """prepare: makes an empty folder ready, once; check: what must hold for some bytes in it."""

    prepare: Callable[[Path], None]
    check: Callable[[bytes, Path], None]


def prepare_reader(_folder: Path) -> None:
    """Lower the reader's limit of size for this process."""
    slide.checks.MAX_PIXELS = MAX_PIXELS


def check_reader(data: bytes, folder: Path) -> None:
    """The file is an image of the promised form, or is refused in one line; nothing else."""
    suffix, mpp = KINDS[data[0] % len(KINDS)] if data else KINDS[0]
    path = folder / f"image{suffix}"
    path.write_bytes(data[1:])
    try:
        image = read_image(path, mpp)
    except ImageError as error:
        _check_reason(str(error), path)
    else:
        _check_image(image)


def _check_reason(text: str, path: Path) -> None:
    assert 0 < len(text) < 600 and ": " in text, f"no reason and remedy: {text!r}"
    assert text.isprintable(), f"not one line of any terminal: {text!r}"
    assert path.name not in text, f"names the file, as the caller does: {text!r}"


def _check_image(image: Image) -> None:
    assert image.pixels.dtype == np.uint8 and image.pixels.ndim == 3
    height, width, channels = image.pixels.shape
    assert channels == 3 and height > 0 and width > 0 and height * width <= MAX_PIXELS
    assert image.pixels.flags.c_contiguous
    int(image.pixels.sum(dtype=np.int64))  # every byte can be read
    low, high = PLAUSIBLE_MPP
    assert all(low <= axis <= high for axis in image.mpp), f"spacing {image.spacing}"
    assert all(map(math.isfinite, image.origin)), f"origin {image.origin}"


def prepare_inputs(folder: Path) -> None:
    """An input folder with images where they may be found, and others where they may not."""
    for name in (
        "input/a.tif", f"input/images/{SLUG}/b.tif", f"input/images/{REGION}/c.mha",
        "outside.tif", "images/d.tif", f"input/images/{REGION}/deep/e.tif",
    ):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"-")


def check_inputs(data: bytes, folder: Path) -> None:
    """Whatever inputs.json contains, the folder is listed, and nothing outside it is."""
    source = folder / "input"
    (source / PLATFORM_FILE).write_bytes(data)
    slugs, problem = platform_slugs(source)
    assert slugs[0] == SLUG and len(set(slugs)) == len(slugs)
    assert problem is None or (problem.startswith(PLATFORM_FILE) and "\n" not in problem)
    images = find_images(source).images
    found = [os.path.relpath(image, source) for image in images]
    expected = ["a.tif", f"images/{SLUG}/b.tif", f"images/{REGION}/c.mha"]
    assert found == (expected if REGION in slugs else expected[:2]), found
    assert len(set(output_names(images))) == len(images)


TARGETS = {
    "reader": Target(prepare_reader, check_reader),
    "inputs": Target(prepare_inputs, check_inputs),
}
