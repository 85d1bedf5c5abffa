"""Even areas may be encoded as zeros; a hole of zeros in a tissue's code may not."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from slide.jpeg_holes import has_hole
from slide.jpeg_scans import progressive_scans
from slide.read import read_image
from test.rendering import render_tissue
from test.slide.tiff.builders import write_encoded

TISSUE = render_tissue((400, 480), figures=0, seed=5)[0]


def canvas(value: int) -> np.ndarray:
    pixels = np.full((1600, 1600, 3), value, np.uint8)
    pixels[500:900, 400:880] = TISSUE
    return pixels


def lower_half(values: np.ndarray) -> np.ndarray:
    return np.concatenate([TISSUE, values.clip(0, 255).astype(np.uint8)])


def glass() -> np.ndarray:
    return lower_half(245 + np.random.default_rng(0).normal(0, 1.2, TISSUE.shape))


def bands() -> np.ndarray:
    pixels = np.tile(TISSUE, (2, 2, 1))
    pixels[:100] = pixels[-100:] = 255
    return pixels


def gradient() -> np.ndarray:
    return lower_half(np.broadcast_to(np.linspace(255, 180, 480)[:, None], TISSUE.shape))


def pattern() -> np.ndarray:
    places = np.indices(TISSUE.shape[:2]).sum(0) // 3
    return lower_half(np.repeat(200 + places[..., None] % 2 * 20, 3, 2))


FIELDS = {
    "white": canvas(255),
    "glass": canvas(243),
    "grey": canvas(128),
    "black": canvas(0),
    "bands": bands(),
    "noisy glass": glass(),
    "gradient": gradient(),
    "pattern": pattern(),
    "tissue": TISSUE,
}
KINDS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "optimised": {"optimize": True},
    "progressive": {"progressive": True},
}


def encode(pixels: np.ndarray, quality: int = 90, **options: Any) -> bytes:
    file = io.BytesIO()
    Picture.fromarray(pixels).save(file, "jpeg", quality=quality, **options)
    return file.getvalue()


def zeroed(data: bytes, place: int, length: int) -> bytes:
    return data[:place] + bytes(length) + data[place + length :]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("kind", KINDS)
def test_even_areas_have_no_holes(field: str, kind: str) -> None:
    for quality in (60, 75, 90):
        for subsampling in (0, 2):
            options = KINDS[kind] | {"subsampling": subsampling}
            assert not has_hole(encode(FIELDS[field], quality, **options))


def test_even_areas_are_zeros_in_progressive_streams() -> None:
    """So that the test above tests something."""
    assert bytes(512) in encode(FIELDS["white"], progressive=True)
    assert bytes(512) not in encode(FIELDS["white"])


@pytest.mark.parametrize("kind", ["baseline", "optimised"])
def test_holes_in_sequential_streams(kind: str) -> None:
    data = encode(TISSUE, **KINDS[kind], subsampling=0)
    for place in np.linspace(1000, len(data) - 1000, 20).astype(int):
        assert has_hole(zeroed(data, int(place), 20))


def test_holes_in_progressive_streams() -> None:
    """Not found in bits of the means, and where bits of 0 are the code of blocks without detail."""
    data = encode(TISSUE, progressive=True)
    scans = list(progressive_scans(data))
    assert [scan.is_dc for scan in scans] == [True, *[False] * 5, True, *[False] * 3]
    assert [scan.is_refinement for scan in scans] == [False] * 5 + [True] * 5
    found = missed = 0
    for scan in scans:
        if scan.end - scan.start < 700:
            continue
        hidden = scan.is_dc if scan.is_refinement else set(scan.zeros) == {0}
        assert has_hole(zeroed(data, scan.start + 50, 600)) is not hidden
        found, missed = found + (not hidden), missed + hidden
    assert found >= 4 and missed >= 1


def test_blocks_ended_one_by_one() -> None:
    """As of encoders that do not join the ends of blocks without detail."""
    data = encode(TISSUE, progressive=True)
    scan = next(scan for scan in progressive_scans(data) if not scan.is_dc)
    table = data.rindex(b"\xff\xc4", 0, scan.start)
    ended = data[: table + 21] + b"\0" + data[table + 22 :]  # the symbol of the shortest code
    assert has_hole(zeroed(data, scan.start + 50, 600))
    assert not has_hole(zeroed(ended, scan.start + 50, 600))


def test_progressive_tiles(tmp_path: Path) -> None:
    white = FIELDS["white"][400:1000, 300:980].copy()
    white[:64] = 255
    tiff = tmp_path / "a.tif"
    write_encoded(tiff, lambda tile: encode(tile, progressive=True), "jpeg", 6, white)
    assert read_image(tiff).pixels[:64].min() == 255


def test_a_damaged_scan_header() -> None:
    data = encode(TISSUE, progressive=True)
    header = data.index(b"\xff\xda")
    for end in range(header, header + 14):
        list(progressive_scans(data[:end]))
    assert not list(progressive_scans(b"")) and not has_hole(b"")
