"""Colours as stored: each kind is compared with a second decoder, and with what was encoded."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from PIL import Image as Picture

from slide.read import read_image
from test.slide.builders import assert_refused
from test.slide.tiff.builders import (
    LONG,
    RATIONAL,
    RGB,
    SHORT,
    TILE,
    YCBCR,
    Encode,
    adobe,
    edit_ifd,
    j2k,
    jfif,
    rgb_jpeg,
    tiles,
    without_markers,
    write,
    write_encoded,
)  # fmt: skip

CLOSE = 2.0  # grey levels, mean absolute difference


def distance(pixels: np.ndarray, other: np.ndarray) -> float:
    assert pixels.shape == other.shape
    return float(np.abs(pixels.astype(int) - other).mean())


def by_pillow(path: Path) -> np.ndarray:
    """JPEG tiles, each decoded by Pillow as a separate file."""
    with tifffile.TiffFile(path) as tiff:
        page, handle = tiff.pages.first, tiff.filehandle
        height, width = page.imagelength, page.imagewidth
        rows = []
        spans = iter(zip(page.dataoffsets, page.databytecounts, strict=True))
        for _ in range(0, height, TILE):
            row = []
            for _ in range(0, width, TILE):
                offset, count = next(spans)
                handle.seek(offset)
                row.append(np.asarray(Picture.open(io.BytesIO(handle.read(count))).convert("RGB")))
            rows.append(np.hstack(row))
        return np.vstack(rows)[:height, :width]


def by_openslide(path: Path) -> np.ndarray:
    openslide = pytest.importorskip("openslide")
    with openslide.OpenSlide(path) as slide:
        return np.asarray(slide.read_region((0, 0), 0, slide.dimensions))[..., :3]


def by_itk(path: Path) -> np.ndarray:
    return np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(str(path)))[..., :3])


# ------------------------------------------------------------------------------------- JPEG streams

UPRIGHT = Picture.Exif()
UPRIGHT[274] = 1  # Orientation
STREAMS = {
    "JFIF 4:4:4": jfif(0),
    "JFIF 4:2:2": jfif(1),
    "JFIF 4:2:0": jfif(2),
    "JFIF progressive": jfif(0, progressive=True),
    "Adobe YCbCr 4:4:4": adobe(jfif(0), 1),
    "Adobe YCbCr 4:2:0": adobe(jfif(2), 1),
    "Adobe RGB": rgb_jpeg,
    "RGB by component names": without_markers(rgb_jpeg),
    "subsampled without markers": without_markers(jfif(1)),
    "exif before JFIF's place": jfif(2, exif=UPRIGHT.tobytes()),
    "a long profile": jfif(0, icc_profile=bytes(9000)),
}


@pytest.mark.parametrize("photometric", [2, 6], ids=["tagged RGB", "tagged YCbCr"])
@pytest.mark.parametrize("encode", STREAMS.values(), ids=STREAMS.keys())
def test_a_jpeg_stream_s_own_colours_win(tiff: Path, encode: Encode, photometric: int) -> None:
    write_encoded(tiff, encode, "jpeg", photometric)
    pixels = read_image(tiff).pixels
    assert distance(pixels, by_pillow(tiff)) < CLOSE
    assert distance(pixels, RGB) < CLOSE


def test_a_stream_that_says_nothing_has_the_tagged_colours(tiff: Path) -> None:
    """As Aperio's RGB: component names 1, 2, 3 and no marker."""

    def aperio(tile: np.ndarray) -> bytes:
        data = without_markers(rgb_jpeg)(tile)
        for name, number in zip(b"RGB", (1, 2, 3), strict=True):  # in frame and scan headers
            for after in (b"\x11\0", bytes([0x00])):
                data = data.replace(bytes([name]) + after, bytes([number]) + after)
        return data

    write_encoded(tiff, aperio, "jpeg", 2)
    assert distance(read_image(tiff).pixels, by_itk(tiff)) < CLOSE
    assert distance(read_image(tiff).pixels, RGB) < CLOSE
    write_encoded(tiff, without_markers(jfif(0)), "jpeg", 6)
    assert distance(read_image(tiff).pixels, by_pillow(tiff)) < CLOSE


def test_tiles_of_different_encoders(tiff: Path) -> None:
    encoders = [jfif(0), rgb_jpeg, jfif(2), adobe(jfif(1), 1)]
    turns = iter(range(100))
    write_encoded(tiff, lambda tile: encoders[next(turns) % 4](tile), "jpeg", 2)
    assert distance(read_image(tiff).pixels, by_pillow(tiff)) < CLOSE


def test_plain_jpeg_is_decoded_as_for_training(tiff: Path) -> None:
    """By SimpleITK, exactly: training and inference share this reader."""
    tiled = {"tile": (64, 64)}
    for options in (tiled, {"rowsperstrip": 32}, {"subsampling": (2, 2), **tiled}):
        write(tiff, compression="jpeg", **options)
        np.testing.assert_array_equal(read_image(tiff).pixels, by_itk(tiff))


def grey_jpeg(tile: np.ndarray) -> bytes:
    return bytes(imagecodecs.jpeg_encode(tile[..., 0].copy(), 95))


def twelve_bit_jpeg(tile: np.ndarray) -> bytes:
    return bytes(imagecodecs.jpeg_encode(tile.astype(np.uint16) * 16, 95, bitspersample=12))


def lossless_jpeg(tile: np.ndarray) -> bytes:
    return bytes(imagecodecs.jpeg_encode(tile, lossless=True))


@pytest.mark.parametrize(
    ("encode", "reason"),
    [
        (grey_jpeg, "greyscale JPEG data"),
        (twelve_bit_jpeg, "12-bit JPEG samples"),
        (lossless_jpeg, r"lossless or arithmetic JPEG \(SOF3\)"),
        (lambda tile: jfif(0)(tile)[:-40], "not a whole JPEG stream"),
        (lambda tile: jfif(0)(tile)[:60], "not a whole JPEG stream"),
    ],
    ids=["greyscale", "12 bits", "lossless", "cut off", "without a frame"],
)  # fmt: skip
def test_streams_that_are_not_8_bit_colour(tiff: Path, encode: Encode, reason: str) -> None:
    write_encoded(tiff, encode, "jpeg", 6)
    assert_refused(tiff, reason)


@pytest.mark.parametrize("photometric", [2, 6])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_streams_of_another_size_than_the_tile(
    tiff: Path, subsampling: int, photometric: int
) -> None:
    """libtiff leaves what a smaller stream does not cover to chance, and refuses a larger one."""
    encode = jfif(subsampling)
    write_encoded(tiff, lambda tile: encode(tile[:-16, :-16].copy()), "jpeg", photometric)
    assert_refused(tiff, "damaged, a strip or tile is too small")
    wider = ((0, 16), (0, 16), (0, 0))
    write_encoded(tiff, lambda tile: encode(np.pad(tile, wider, "edge")), "jpeg", photometric)
    assert_refused(tiff, "damaged, a tile declares 80x80 pixels, the tags 64x64")


def test_streams_with_padding(tiff: Path) -> None:
    write_encoded(tiff, lambda tile: jfif(0)(tile) + bytes(4000), "jpeg", 6)
    assert distance(read_image(tiff).pixels, RGB) < CLOSE


def test_damage_inside_a_stream(tiff: Path) -> None:
    """Decoders go on with wrong colours, and only print a warning."""

    def damaged(tile: np.ndarray) -> bytes:
        data = bytearray(jfif(0)(tile))
        middle = len(data) * 2 // 3
        data[middle : middle + 40] = b"\xff\xd9" * 20  # end markers
        return bytes(data)

    for photometric in (2, 6):
        write_encoded(tiff, damaged, "jpeg", photometric)
        assert_refused(tiff, "damaged")


def test_old_jpeg_is_refused(tiff: Path) -> None:
    write_encoded(tiff, jfif(0), "jpeg", 6)
    edit_ifd(tiff, [(259, SHORT, [6])])
    assert_refused(tiff, r"old-style JPEG \(Compression 6\).*: save it with another compression")


# ---------------------------------------------------------------------------------------- JPEG 2000


@pytest.mark.parametrize(
    ("compression", "photometric", "pixels", "encode"),
    [
        (33003, 2, YCBCR, j2k()),
        (33003, 6, YCBCR, j2k()),
        (33005, 2, RGB, j2k()),
        (33005, 2, RGB, j2k(transform=True)),
        (34712, 2, RGB, j2k()),
        (34712, 2, RGB, j2k("JP2", transform=True)),
        (34712, 6, YCBCR, j2k()),
        (34712, 6, YCBCR, j2k("JP2", colour="SYCC")),
        (34712, 2, YCBCR, j2k("JP2", colour="SYCC")),
    ],
)
def test_jpeg2000(
    tiff: Path, compression: int, photometric: int, pixels: np.ndarray, encode: Encode
) -> None:
    write_encoded(tiff, encode, compression, photometric, pixels, "Aperio Image Library v10")
    read = read_image(tiff).pixels
    assert distance(read, RGB) < CLOSE
    if compression != 34712:  # OpenSlide reads Aperio's own compressions alone
        assert distance(read, by_openslide(tiff)) < CLOSE


@pytest.mark.parametrize(
    ("compression", "photometric", "encode"),
    [
        (33003, 2, j2k(transform=True)),
        (33003, 6, j2k("JP2", colour="SRGB")),
        (33005, 6, j2k()),
        (34712, 6, j2k(transform=True)),
        (34712, 6, j2k("JP2", colour="SRGB")),
    ],
)
def test_jpeg2000_that_contradicts_itself_is_refused(
    tiff: Path, compression: int, photometric: int, encode: Encode
) -> None:
    write_encoded(tiff, encode, compression, photometric)
    assert_refused(tiff, "JPEG 2000 .*contradict.*: export it in colour")


def test_jpeg2000_with_subsampled_chroma(tiff: Path) -> None:
    """As Aperio's J2K/YUV16. One tile, of opj_compress -F 64,64,3,8,u@1x1:2x1:2x1 -mct 0."""
    stream = Path(__file__).with_name("subsampled.j2k").read_bytes()
    tile = next(iter(tiles(RGB)))
    for photometric in (2, 6):
        write_encoded(tiff, lambda _: stream, 33003, photometric, tile, "Aperio Image Library v10")
        pixels = read_image(tiff).pixels
        assert distance(pixels, by_openslide(tiff)) < CLOSE
        assert distance(pixels, tile) < CLOSE


# --------------------------------------------------------------------------- YCbCr that is not JPEG


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rowsperstrip": 32, "compression": "lzw"},
        {"tile": (64, 64), "compression": "zlib", "predictor": True},
        {"compression": "packbits"},
        {"compression": "zstd"},
        {"compression": "lzma"},
        {"compression": "png", "tile": (64, 64)},
    ],
    ids=str,
)
@pytest.mark.parametrize("planar", [False, True], ids=["interleaved", "planar"])
def test_lossless_ycbcr(tiff: Path, options: dict[str, Any], planar: bool) -> None:
    pixels = np.moveaxis(YCBCR, -1, 0).copy() if planar else YCBCR
    layout = {"planarconfig": "separate"} if planar else {}
    write(tiff, pixels, photometric="ycbcr", subsampling=(1, 1), **layout, **options)
    read = read_image(tiff).pixels
    assert distance(read, np.asarray(Picture.fromarray(YCBCR, "YCbCr").convert("RGB"))) < 1
    assert distance(read, RGB) < CLOSE
    if options.get("compression") not in ("zstd", "lzma", "png"):  # SimpleITK has no codec for them
        assert distance(read, by_itk(tiff)) < 1


def test_planar_ycbcr_jpeg(tiff: Path) -> None:
    planes = np.moveaxis(YCBCR, -1, 0).copy()
    write(
        tiff, planes, photometric="ycbcr", subsampling=(1, 1), planarconfig="separate",
        compression="jpeg", compressionargs={"level": 97}, tile=(64, 64),
    )  # fmt: skip
    assert distance(read_image(tiff).pixels, by_itk(tiff)) < CLOSE
    assert distance(read_image(tiff).pixels, RGB) < CLOSE


def test_ycbcr_by_the_file_s_own_reference_values(tiff: Path) -> None:
    """Video levels: black at 16, white at 235, chroma to 240."""
    video = (YCBCR * (np.array([219, 224, 224]) / 255) + np.array([16, 16, 16])).round()
    write(tiff, video.astype(np.uint8), photometric="ycbcr", subsampling=(1, 1))
    levels = [16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1]
    edit_ifd(tiff, [(532, RATIONAL, levels)])
    assert distance(read_image(tiff).pixels, by_itk(tiff)) < CLOSE
    assert distance(read_image(tiff).pixels, RGB) < CLOSE


def data_units(across: int, down: int) -> bytes:
    """TIFF 6.0's units of YCbCr: the luma of a block, then its mean Cb and Cr."""
    padding = ((0, -YCBCR.shape[0] % down), (0, -YCBCR.shape[1] % across), (0, 0))
    padded = np.pad(YCBCR, padding, "edge")
    rows, columns = padded.shape[0] // down, padded.shape[1] // across
    blocks = padded.reshape(rows, down, columns, across, 3).transpose(0, 2, 1, 3, 4)
    blocks = blocks.reshape(-1, down * across, 3)
    chroma = blocks[..., 1:].mean(axis=1).round().astype(np.uint8)
    return np.concatenate([blocks[..., 0], chroma], axis=1).tobytes()


def write_strip(path: Path, data: bytes, compression: int, changes: list[Any]) -> None:
    """A page of RGB's size in one strip of any encoded data, tagged YCbCr."""
    write(path)
    offset = path.stat().st_size
    with path.open("ab") as file:
        file.write(data)
    strip = [(273, LONG, [offset]), (278, LONG, [len(RGB)]), (279, LONG, [len(data)])]
    edit_ifd(path, [(259, SHORT, [compression]), (262, SHORT, [6]), *strip, *changes])


ENCODERS: dict[int, Callable[..., Any]] = {
    1: bytes,
    5: imagecodecs.lzw_encode,
    8: imagecodecs.zlib_encode,
    32773: imagecodecs.packbits_encode,
    50000: imagecodecs.zstd_encode,
}


@pytest.mark.parametrize(
    "compression", ENCODERS, ids=["none", "LZW", "deflate", "PackBits", "zstd"]
)
@pytest.mark.parametrize("factors", [(2, 1), (2, 2), (4, 1), (4, 2), (1, 2)])
def test_subsampled_chroma_without_jpeg(
    tiff: Path, factors: tuple[int, int], compression: int
) -> None:
    data = ENCODERS[compression](data_units(*factors))
    write_strip(tiff, data, compression, [(530, SHORT, list(factors))])
    pixels = read_image(tiff).pixels
    if compression in (1, 5, 8) and factors != (1, 2):  # libtiff in SimpleITK does these
        assert distance(pixels, by_itk(tiff)) < 1
    assert distance(pixels, RGB) < 4 if max(factors) == 4 else CLOSE


def test_chroma_that_is_not_subsampled_though_the_tag_is_missing(tiff: Path) -> None:
    """TIFF's default is 2, 2; the amount of data says otherwise."""
    write_strip(tiff, YCBCR.tobytes(), 1, [])
    assert distance(read_image(tiff).pixels, RGB) < CLOSE


def test_subsampled_chroma_that_is_cut_off(tiff: Path) -> None:
    write_strip(tiff, data_units(2, 2)[:-9], 1, [])
    assert_refused(tiff, "damaged, a strip or tile is too short")


@pytest.mark.parametrize("compression", ["webp", "jpegxl"])
def test_ycbcr_in_a_codec_of_its_own_colours_is_refused(tiff: Path, compression: str) -> None:
    write(
        tiff, YCBCR, photometric="ycbcr", subsampling=(1, 1), compression=compression, tile=(64, 64)
    )
    assert_refused(tiff, "YCbCr colours in (WEBP|JPEGXL), which defines its own: export it in col")


# ---------------------------------------------------------------------------- other kinds of page

GREY = RGB[..., 0].copy()
FIVE = np.dstack([RGB, RGB[..., :2]])
COLORMAP = np.zeros((3, 256), np.uint16)
CONTIG = {"planarconfig": "contig"}
UNMARKED = "greyscale, 3 channels not marked as RGB"


@pytest.mark.parametrize(
    ("pixels", "options", "reason"),
    [
        (GREY, {"photometric": "minisblack"}, "greyscale, but"),
        (RGB[..., :2].copy(), {"photometric": "minisblack"} | CONTIG, "greyscale with alpha, but"),
        (RGB, {"photometric": "minisblack"} | CONTIG, UNMARKED),
        (RGB, {"photometric": "miniswhite"} | CONTIG, UNMARKED),
        (np.dstack([RGB, GREY]), {"photometric": "separated"}, "CMYK, but"),
        (GREY, {"photometric": "palette", "colormap": COLORMAP}, "a palette image, but"),
        (RGB, {"photometric": "cielab"}, "CIELab, but"),
        (RGB, {"photometric": "icclab"}, "ICCLab, but"),
        (FIVE, {"extrasamples": ["unassalpha", "unspecified"]}, "5 channels, but"),
        (RGB.astype(np.uint16), {}, "16-bit samples"),
        (RGB.astype(np.float32), {}, r"32-bit samples \(float32\)"),
    ],
)  # fmt: skip
def test_other_colours_are_refused_with_the_true_reason(
    tiff: Path, pixels: np.ndarray, options: dict[str, Any], reason: str
) -> None:
    write(tiff, pixels, **options)
    assert_refused(tiff, reason)


@pytest.mark.parametrize("compression", ["jpeg", 33005])
def test_a_stream_far_larger_than_its_tile_is_refused(tiff: Path, compression: str | int) -> None:
    """Before it is decoded: its size is overwritten, not its data."""

    def bomb(tile: np.ndarray) -> bytes:
        if compression == "jpeg":
            data = bytearray(jfif(0)(tile))
            frame = data.index(b"\xff\xc0")
            data[frame + 5 : frame + 9] = struct.pack(">HH", 60000, 60000)
        else:
            data = bytearray(j2k()(tile))
            data[8:16] = struct.pack(">II", 60000, 60000)
        return bytes(data)

    write_encoded(tiff, bomb, compression, 6 if compression == "jpeg" else 2)
    assert_refused(tiff, "damaged, a strip or tile declares 60000x60000 pixels: copy")
