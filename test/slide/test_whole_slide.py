"""Slides of three formats: which files they are, their levels and pixel sizes, and their pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile

from slide import whole_slide
from slide.image import ImageError
from slide.whole_slide import WholeSlide, is_whole_slide
from test.slide.slides import Kind, glass, pixels_on_glass, tissue, write_slide
from test.slide.tiff.builders import drop_segments

PIXELS = pixels_on_glass((900, 700), {(300, 200): tissue((256, 256))})
KINDS: list[Kind] = ["raw", "pages", "ome", "svs"]
FORMATS = {"raw": "tiff", "pages": "tiff", "ome": "ome-tiff", "svs": "aperio"}
LEFT_OUT = "the file leaves out 1 of 12 tiles: taken as white glass"
LOSS = 2.0  # grey levels on average that JPEG of this quality changes


def write(folder: Path, kind: Kind, mpp: float | None = 0.25) -> Path:
    return write_slide(folder / ("a.svs" if kind == "svs" else "a.tif"), PIXELS, kind, mpp)


@pytest.mark.parametrize("kind", KINDS)
def test_a_slide_and_its_regions(tmp_path: Path, kind: Kind) -> None:
    slide = WholeSlide(write(tmp_path, kind))
    assert (slide.format, slide.size) == (FORMATS[kind], (900, 700))
    assert slide.levels == [(900, 700), (225, 175), (57, 44)]
    assert slide.mpp == pytest.approx((0.25, 0.25))
    assert slide.mpp_source == ("aperio mpp" if kind == "svs" else "resolution tags")
    for x, y, width, height in ((0, 0, 900, 700), (255, 130, 300, 271), (899, 699, 1, 1)):
        region = slide.read(x, y, width, height)
        expected = PIXELS[y : y + height, x : x + width]
        assert region.shape == expected.shape and region.dtype == np.uint8
        difference = np.abs(region.astype(int) - expected)
        assert difference.max() == 0 if kind == "raw" else difference.mean() < LOSS


def test_outside_a_slide_is_white(tmp_path: Path) -> None:
    slide = WholeSlide(write(tmp_path, "raw"))
    region = slide.read(-10, 690, 30, 20)
    np.testing.assert_array_equal(region[:10, 10:], PIXELS[690:, :20])
    assert (region[10:] == 255).all() and (region[:, :10] == 255).all()
    assert (slide.read(2000, 2000, 5, 4) == 255).all()


def test_tiles_that_are_left_out_are_white(tmp_path: Path) -> None:
    path = write(tmp_path, "raw")
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tags = tiff.pages.first.tags
        tags["TileByteCounts"].overwrite([0, *tags["TileByteCounts"].value[1:]])
    slide = WholeSlide(path)
    assert slide.warnings == (LEFT_OUT,)
    region = slide.read(0, 0, 300, 256)
    assert (region[:, :256] == 255).all()
    np.testing.assert_array_equal(region[:, 256:], PIXELS[:256, 256:300])


def test_a_tile_that_is_left_out_of_a_vendor_s_file(tmp_path: Path) -> None:
    path = write(tmp_path, "svs")
    assert WholeSlide(path).warnings == ()
    drop_segments(path, [5])
    slide = WholeSlide(path)
    assert slide.warnings == (LEFT_OUT,)
    assert (slide.read(256, 256, 256, 256) == 255).all()


def test_the_overview_has_the_mean_colours(tmp_path: Path) -> None:
    slide = WholeSlide(write(tmp_path, "raw"))
    overview = slide.overview(8.0)
    assert overview.shape == (22, 29, 3)  # 700 and 900 px in cells of 32
    means = PIXELS[:672, :896].reshape(21, 32, 28, 32, 3).mean(axis=(1, 3))
    assert np.abs(overview[:21, :28] - means).max() < 3  # by way of the level of 1 µm


@pytest.mark.parametrize(("mpp", "wanted", "level"), [(0.25, 0.275, 0), (0.0625, 0.275, 1)])
def test_the_coarsest_level_that_is_fine_enough(
    tmp_path: Path, mpp: float, wanted: float, level: int
) -> None:
    assert WholeSlide(write(tmp_path, "raw"), mpp=max(mpp, 0.1)).level_for(wanted) in (0, level)
    slide = WholeSlide(write(tmp_path, "raw"))
    assert [slide.level_for(at) for at in (0.1, 0.25, 0.99, 1.1, 4.1, 100)] == [0, 0, 0, 1, 2, 2]


@pytest.mark.parametrize("kind", ["raw", "svs"])
def test_a_slide_without_a_pixel_size(tmp_path: Path, kind: Kind) -> None:
    path = write(tmp_path, kind, mpp=None)
    with pytest.raises(ImageError, match=r"no pixel size in the file.*--mpp"):
        WholeSlide(path)
    slide = WholeSlide(path, mpp=0.23)
    assert slide.mpp == pytest.approx((0.23, 0.23)) and slide.mpp_source == "--mpp"


def test_a_magnification_that_contradicts(tmp_path: Path) -> None:
    path = write(tmp_path, "svs")
    path.write_bytes(path.read_bytes().replace(b"AppMag = 40", b"AppMag = 20"))
    (warning,) = WholeSlide(path).warnings
    assert warning.startswith("a magnification of 20x is not usual for 0.25 x 0.25 µm (aperio mpp)")
    assert WholeSlide(path, mpp=0.25).warnings == ()


def test_a_description_of_a_larger_slide(tmp_path: Path) -> None:
    """As where a viewer exports a slide at half the size and keeps the text."""
    path = write(tmp_path, "svs")
    width, height = WholeSlide(path).size
    size, twice = f"[0,0,{width}x{height}]", f"[0,0,{2 * width}x{2 * height}]"
    with tifffile.TiffFile(path, mode="r+") as tiff:
        page = tiff.pages.first
        assert size in page.description
        page.tags["ImageDescription"].overwrite(page.description.replace(size, twice))
    with pytest.raises(ImageError, match="aperio mpp: it describes an image of another size"):
        WholeSlide(path)


def test_resolution_tags_that_contradict_the_vendor(tmp_path: Path) -> None:
    path = write(tmp_path, "svs")
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages.first.tags["ResolutionUnit"].overwrite(3)
        for axis in "XY":
            tiff.pages.first.tags[f"{axis}Resolution"].overwrite((20000, 1))
    with pytest.raises(ImageError, match=r"two pixel sizes, 0.25 x 0.25 µm .aperio.*0.5 x 0.5 µm"):
        WholeSlide(path)
    assert WholeSlide(path, mpp=0.25).mpp == (0.25, 0.25)


def test_label_and_macro_are_not_levels(tmp_path: Path) -> None:
    slide = WholeSlide(write(tmp_path, "svs"))
    assert len(slide.levels) == 3
    dark_red = [slide.read(0, 0, *size, level)[..., 1].min() < 20 for level, size in
                enumerate(slide.levels)]  # fmt: skip
    assert not any(dark_red)


def test_which_files_are_slides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiled = write(tmp_path, "pages")
    assert not is_whole_slide(tiled)  # no larger than an image of the challenge
    monkeypatch.setattr(whole_slide, "MIN_PIXELS", 900 * 700 - 1)
    assert is_whole_slide(tiled)
    stripped = tmp_path / "stripped.tif"
    tifffile.imwrite(stripped, PIXELS)
    damaged = tmp_path / "damaged.tif"
    damaged.write_bytes(b"II*\0" + bytes(5))
    others = (stripped, damaged, tmp_path / "missing.tif", tmp_path / "a.png")
    assert not any(map(is_whole_slide, others))
    assert all(is_whole_slide(tmp_path / f"a{suffix}") for suffix in whole_slide.SUFFIXES)


def test_a_damaged_tile_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path, "pages")
    with tifffile.TiffFile(path) as tiff:
        offset = tiff.pages.first.dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[offset : offset + 40] = bytes(40)
    path.write_bytes(content)
    slide = WholeSlide(path)
    slide.read(300, 300, 10, 10)
    with pytest.raises(ImageError, match=r"damaged|cannot be"):
        slide.read(0, 0, 10, 10)


@pytest.mark.parametrize("content", [b"", b"II*\0", b"Aperio", bytes(1000)])
def test_files_that_are_not_slides(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.svs"
    path.write_bytes(content)
    with pytest.raises(ImageError):
        WholeSlide(path)


OTHER_FILES = {
    "a.svs": "a TIFF file without tiles, unlike slides: rename it to a.tif",
    "a.ndpi": "not a slide of Hamamatsu, or damaged: copy it again, or rename it to a.tif if it is "
    "another TIFF file",
    "jpeg.svs": "it is a JPEG file: rename it to jpeg.jpg",
    "jpeg.mrxs": "its folder jpeg is missing or damaged: copy both again",
    "text.svs": "not a slide, or damaged: copy or export it again",
}


@pytest.mark.parametrize(("name", "reason"), OTHER_FILES.items())
def test_files_of_another_kind(tmp_path: Path, name: str, reason: str) -> None:
    path = tmp_path / name
    if path.stem == "a":
        tifffile.imwrite(tmp_path / "plain.tif", PIXELS, photometric="rgb", metadata=None)
        (tmp_path / "plain.tif").rename(path)
    elif path.stem == "jpeg":
        PIL.Image.fromarray(PIXELS).save(path, "JPEG")
    else:
        path.write_text("Aperio")
    with pytest.raises(ImageError) as refusal:
        WholeSlide(path)
    assert str(refusal.value) == reason


def test_several_images_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        for _ in range(2):
            writer.write(glass(256, 256), tile=(256, 256), photometric="rgb", metadata=None)
    with pytest.raises(ImageError, match="not a pyramid"):
        WholeSlide(path)
