"""PNG files with more rows than their header states are refused, and no others."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from slide.read import read_image
from test.slide.builders import HEIGHT, OPAQUE, RGB, WIDTH, assert_refused

PALETTE = Picture.fromarray(RGB).quantize(16)
PICTURES: dict[str, tuple[Picture.Image, dict[str, Any]]] = {
    "RGB": (Picture.fromarray(RGB), {}),
    "RGBA": (Picture.fromarray(np.dstack([RGB, OPAQUE])), {}),
    "palette": (PALETTE, {"bits": 8}),
    "palette of 4 bits": (PALETTE, {"bits": 4}),
}
MORE = "damaged, more rows than the [0-9]+ of its header"


def state_size(path: Path, width: int, height: int) -> None:
    data = bytearray(path.read_bytes())
    struct.pack_into(">II", data, 16, width, height)
    struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    path.write_bytes(data)


@pytest.mark.parametrize(("picture", "options"), PICTURES.values(), ids=PICTURES.keys())
@pytest.mark.parametrize("height", [HEIGHT - 1, HEIGHT - 30])
def test_more_rows_than_stated(
    tmp_path: Path, picture: Picture.Image, options: dict[str, Any], height: int
) -> None:
    path = tmp_path / "a.png"
    picture.save(path, **options)
    np.testing.assert_array_equal(read_image(path, 0.25).pixels, picture.convert("RGB"))
    state_size(path, WIDTH, height)
    assert_refused(path, MORE, 0.25)


def test_another_width_than_stated(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Picture.fromarray(RGB).save(path)
    state_size(path, WIDTH - 10, HEIGHT)
    assert_refused(path, MORE, 0.25)


def test_fewer_rows_than_stated(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Picture.fromarray(RGB).save(path)
    state_size(path, WIDTH, HEIGHT + 5)
    assert_refused(path, "truncated or damaged", 0.25)


def test_image_data_in_many_chunks(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    noise = np.random.default_rng(0).integers(0, 256, (700, 900, 3), np.uint8)
    Picture.fromarray(noise).save(path)
    assert path.read_bytes().count(b"IDAT") > 10
    np.testing.assert_array_equal(read_image(path, 0.25).pixels, noise)
    state_size(path, 900, 699)
    assert_refused(path, MORE, 0.25)


def test_damage_is_left_to_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Picture.fromarray(RGB).save(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    assert_refused(path, "damaged", 0.25)
