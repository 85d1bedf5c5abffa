"""Transparency is composed on white, in TIFF, PNG and MetaImage alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from slide.alpha import NOT_PREMULTIPLIED, on_white
from slide.read import read_image
from test.slide.builders import GREY, RGB, assert_refused, write_any_tiff, write_mha

ALPHA = np.full(GREY.shape, 255, np.uint8)
ALPHA[:40] = 0
ALPHA[40:60] = np.linspace(0, 255, 20).astype(np.uint8)[:, None]
RGBA = np.dstack([np.where(ALPHA[..., None] == 0, 0, RGB), ALPHA]).astype(np.uint8)
PREMULTIPLIED = np.dstack([(RGB * (ALPHA[..., None] / 255)).round(), ALPHA]).astype(np.uint8)


def on_white_by_pillow() -> np.ndarray:
    white = Picture.new("RGBA", RGBA.shape[1::-1], (255, 255, 255, 255))
    return np.asarray(Picture.alpha_composite(white, Picture.fromarray(RGBA)).convert("RGB"))


EXPECTED = on_white_by_pillow()
LAYOUTS: dict[str, dict[str, Any]] = {
    "strips": {},
    "deflate tiles": {"compression": "zlib", "tile": (32, 32)},
    "zstd": {"compression": "zstd"},
    "WebP, lossless": {"compression": "webp", "tile": (32, 32), "compressionargs": {"level": -1}},
    "JPEG 2000": {"compression": "jpeg2000", "tile": (32, 32)},
    "PNG tiles": {"compression": "png", "tile": (32, 32)},
    "planar": {"planarconfig": "separate"},
}


@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
@pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_tiff(tiff: Path, options: dict[str, Any], kind: str) -> None:
    pixels = PREMULTIPLIED if kind == "assocalpha" else RGBA
    if "planarconfig" in options:
        pixels = np.moveaxis(pixels, -1, 0).copy()
    write_any_tiff(tiff, pixels, photometric="rgb", extrasamples=[kind], **options)
    image = read_image(tiff)
    assert np.abs(image.pixels.astype(int) - EXPECTED).max() <= 2
    share = (ALPHA < 255).mean()
    assert image.warnings == (
        f"{share:.1%} of it is fully or partly transparent: composed on white",
    )


def test_png(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Picture.fromarray(RGBA).save(path)
    image = read_image(path, 0.25)
    assert np.abs(image.pixels.astype(int) - EXPECTED).max() <= 2
    assert "composed on white" in image.warnings[0]


def test_a_few_transparent_pixels() -> None:
    pixels = np.full((100, 100, 4), 255, np.uint8)
    pixels[0, 0, 3] = 0
    assert on_white(pixels, False)[1] == (
        "less than 0.1% of it is fully or partly transparent: composed on white",
    )


def test_png_with_a_transparent_colour(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    colour = tuple(int(value) for value in RGB[0, 0])
    Picture.fromarray(RGB).save(path, transparency=colour)
    same = (np.array(colour) == RGB).all(axis=-1)
    pixels = read_image(path, 0.25).pixels
    assert (pixels[same] == 255).all()
    np.testing.assert_array_equal(pixels[~same], RGB[~same])


def test_png_with_a_palette(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    palette = Picture.fromarray(RGB).quantize(250)
    palette.save(path, transparency=0)
    white = Picture.new("RGBA", palette.size, (255, 255, 255, 255))
    with Picture.open(path) as picture:
        expected = Picture.alpha_composite(white, picture.convert("RGBA")).convert("RGB")
    np.testing.assert_array_equal(read_image(path, 0.25).pixels, np.asarray(expected))


def test_mha(tmp_path: Path) -> None:
    path = tmp_path / "image.mha"
    write_mha(path, RGBA)
    image = read_image(path)
    assert np.abs(image.pixels.astype(int) - EXPECTED).max() <= 2
    assert "its fourth channel is taken as transparency" in image.warnings


def test_opaque_images_give_no_warning(tiff: Path) -> None:
    opaque = np.dstack([RGB, np.full_like(GREY, 255)])
    write_any_tiff(tiff, opaque, photometric="rgb", extrasamples=["unassalpha"])
    image = read_image(tiff)
    np.testing.assert_array_equal(image.pixels, RGB)
    assert image.warnings == ()


def test_alpha_that_hides_everything_is_refused(tmp_path: Path, tiff: Path) -> None:
    hidden = np.dstack([RGB, np.zeros_like(GREY)])
    write_any_tiff(tiff, hidden, photometric="rgb", extrasamples=["unassalpha"])
    assert_refused(tiff, "its alpha channel makes all of it transparent: export it")
    Picture.fromarray(hidden).save(tmp_path / "image.png")
    assert_refused(tmp_path / "image.png", "makes all of it transparent", 0.25)


def test_colours_above_their_premultiplied_alpha(tiff: Path) -> None:
    """The tag is wrong: added to white, they would be too bright."""
    write_any_tiff(tiff, RGBA, photometric="rgb", extrasamples=["assocalpha"])
    image = read_image(tiff)
    assert np.abs(image.pixels.astype(int) - EXPECTED).max() <= 2
    assert NOT_PREMULTIPLIED in image.warnings


def test_a_fourth_channel_of_unstated_meaning(tiff: Path) -> None:
    constant = np.dstack([RGB, np.full_like(GREY, 7)])
    write_any_tiff(tiff, constant, photometric="rgb", extrasamples=["unspecified"])
    np.testing.assert_array_equal(read_image(tiff).pixels, RGB)
    write_any_tiff(tiff, RGBA, photometric="rgb", extrasamples=["unspecified"])
    assert_refused(tiff, "a fourth channel that is not marked as alpha: export it in colour")


@pytest.mark.parametrize("mode", ["RGBA", "RGBX"])
def test_jpeg_with_four_samples(tiff: Path, mode: str) -> None:
    picture = Picture.frombytes(mode, GREY.shape[::-1], np.dstack([RGB, ALPHA * 0 + 255]).tobytes())
    picture.save(tiff, compression="jpeg", quality=97, dpi=(101600, 101600))
    assert np.abs(read_image(tiff).pixels.astype(int) - RGB).mean() < 2
