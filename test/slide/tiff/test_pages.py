"""Which page is the image, and files that hold several images or only a copy of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Picture

from slide.read import read_image
from test.rendering import render_tissue
from test.slide.builders import assert_refused
from test.slide.tiff.builders import CM, RGB, SHORT, edit_ifd

GREY = RGB[..., 0].copy()
RGB_PAGE: dict[str, Any] = {"photometric": "rgb", "metadata": None, "software": False}
APERIO = "Aperio Image Library v11.2.1 \r\n200x150 [0,0 200x150] (64x64) JPEG/RGB|MPP = 0.2500"


@pytest.mark.parametrize("with_resolution", [True, False])
def test_an_aperio_slide_renamed(tiff: Path, with_resolution: bool) -> None:
    """Thumbnail, levels, label and macro, of which the baseline is the image."""
    tags: dict[str, Any] = CM if with_resolution else {}
    tiled: dict[str, Any] = {"tile": (64, 64), "compression": "zlib", **RGB_PAGE}
    with tifffile.TiffWriter(tiff) as writer:
        writer.write(RGB, description=APERIO, **tiled, **tags)
        writer.write(RGB[::4, ::5].copy(), description="Aperio\r\n", rowsperstrip=16, **RGB_PAGE)
        writer.write(RGB[::2, ::2].copy(), description=APERIO + " level", **tiled, **tags)
        label = np.full((90, 100, 3), 240, np.uint8)
        writer.write(label, description="Aperio label", subfiletype=1, **RGB_PAGE)
        writer.write(label[:60], description="Aperio macro", subfiletype=9, **RGB_PAGE)
    image = read_image(tiff)
    np.testing.assert_array_equal(image.pixels, RGB)
    np.testing.assert_allclose(image.mpp, (0.25, 0.25))
    assert image.mpp_source == ("resolution tags" if with_resolution else "Aperio MPP")


def test_several_greyscale_pages(tiff: Path) -> None:
    """Fluorescence, or RGB stored as three images."""
    tifffile.imwrite(tiff, np.stack([GREY, GREY, GREY]), photometric="minisblack", **CM)
    assert_refused(tiff, r"3 greyscale pages \(channels or slices\) that are not a pyramid of one")


def test_ome_fluorescence(tmp_path: Path) -> None:
    path = tmp_path / "image.ome.tif"
    channels = np.stack([GREY, GREY]).astype(np.uint16)
    tifffile.imwrite(path, channels, ome=True, photometric="minisblack", metadata={"axes": "CYX"})
    assert_refused(path, "2 greyscale pages")


@pytest.mark.parametrize(
    "description",
    ["ImageJ=1.53t\nimages=5\nslices=5\n", '{"shape": [5, 150, 200, 3], "truncated": true}'],
)
def test_images_behind_the_first_one(tiff: Path, description: str) -> None:
    """ImageJ and tifffile store large stacks in one page."""
    tifffile.imwrite(tiff, RGB, description=description, **RGB_PAGE, **CM)
    assert_refused(tiff, "5 slices, but one image is needed: save the one to analyse")


def test_an_imagej_hyperstack(tiff: Path) -> None:
    stack = np.stack([RGB, RGB])
    tifffile.imwrite(tiff, stack, imagej=True, resolution=(4, 4), metadata={"unit": "um"})
    assert_refused(tiff, "2 (pages|slices)")


def test_a_reduced_copy_whose_original_is_in_a_subifd(tiff: Path) -> None:
    with tifffile.TiffWriter(tiff) as writer:
        small = RGB[::2, ::2].copy()
        writer.write(small, subifds=1, subfiletype=1, **RGB_PAGE, **CM)
        writer.write(RGB, **RGB_PAGE, **CM)
    assert_refused(tiff, "a reduced copy whose original is in a SubIFD: copy or export it again")


def test_the_largest_page_is_marked_as_a_reduced_copy(tiff: Path) -> None:
    with tifffile.TiffWriter(tiff) as writer:
        writer.write(RGB, subfiletype=1, **RGB_PAGE, **CM)
        writer.write(RGB[::2, ::2].copy(), **RGB_PAGE, **CM)
    assert_refused(tiff, "its largest page is marked as a reduced copy")


def test_a_transparency_mask_on_a_page(tiff: Path) -> None:
    for mask, kind in ((GREY > 9, 4), (GREY > 9, 0), (GREY, 0)):
        with tifffile.TiffWriter(tiff) as writer:
            writer.write(RGB, **RGB_PAGE, **CM)
            writer.write(mask, photometric="minisblack", metadata=None, subfiletype=kind)
        assert_refused(tiff, "^1 of 2 pages without colour, such as a mask: save the image in")
    with tifffile.TiffWriter(tiff) as writer:
        writer.write(GREY > 9, photometric="minisblack", metadata=None, **CM)
    edit_ifd(tiff, [(262, SHORT, [4])])
    assert_refused(tiff, "a transparency mask, but RGB is needed")


OTHER = render_tissue((75, 100), figures=0, seed=9)[0]


@pytest.mark.parametrize("ome", [False, True])
def test_a_second_image_with_the_shape_of_a_reduced_copy(tmp_path: Path, ome: bool) -> None:
    path = tmp_path / ("image.ome.tif" if ome else "image.tif")
    metadata = {"axes": "YXS", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25} if ome else None
    with tifffile.TiffWriter(path, ome=ome) as writer:
        for pixels in (RGB, OTHER):
            writer.write(pixels, photometric="rgb", metadata=metadata, **CM)
    assert_refused(path, "100x75 px that is not a reduced copy of the largest: save the one to")


@pytest.mark.parametrize("thumbnail_first", [False, True])
def test_reduced_copies_that_are_not_marked(tiff: Path, thumbnail_first: bool) -> None:
    """Paler than the image, as thumbnails can be; one that cannot be decoded is not compared."""
    small = np.asarray(Picture.fromarray(RGB).resize((50, 38), Picture.Resampling.BOX))
    grey = np.zeros((75, 100), np.uint8)
    pages = [(RGB, "rgb"), (255 - (255 - small) // 2, "rgb"), (grey, "minisblack")]
    with tifffile.TiffWriter(tiff) as writer:
        for pixels, colours in pages[::-1] if thumbnail_first else pages:
            writer.write(pixels, photometric=colours, metadata=None, **CM)
    np.testing.assert_array_equal(read_image(tiff).pixels, RGB)


def test_reduced_copies_of_glass(tiff: Path) -> None:
    noise = np.random.default_rng(0)
    with tifffile.TiffWriter(tiff) as writer:
        for size in ((150, 200, 3), (75, 100, 3)):
            writer.write(noise.normal(240, 3, size).astype(np.uint8), **RGB_PAGE, **CM)
    assert read_image(tiff).pixels.shape == (150, 200, 3)


def test_another_image_of_the_same_size_in_a_subifd(tiff: Path) -> None:
    with tifffile.TiffWriter(tiff) as writer:
        writer.write(RGB, subifds=1, **RGB_PAGE, **CM)
        writer.write(RGB[::-1].copy(), **RGB_PAGE, **CM)
    assert_refused(tiff, "another image in a SubIFD: save the one to analyse as a separate file")
