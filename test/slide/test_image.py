"""Reading: every kind of file that is taken, and every one that is refused with its reason."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from PIL import Image as Picture

from slide.image import Image, ImageError, read_image, resample
from slide.memory import MemoryBudget
from test.rendering import render_tissue
from training.tiff import write_tiff

HEIGHT, WIDTH = 96, 80  # unequal, so that a swap of x and y shows
RGB = render_tissue((HEIGHT, WIDTH), figures=0, seed=5)[0]
OPAQUE = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
PLANES = np.moveaxis(RGB, -1, 0).copy()
GREY = RGB[..., 0].copy()
DAMAGED = "truncated|damaged|cannot be read|cannot be decoded|not a MetaImage|without any page"


@pytest.fixture
def tiff(tmp_path: Path) -> Path:
    return tmp_path / "image.tif"


def write_any_tiff(path: Path, pixels: np.ndarray, **options: Any) -> None:
    """Any array at 0.25 µm per pixel, with tifffile's options."""
    resolution = {"resolution": (40000, 40000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, pixels, **resolution | options)


def write_pyramid(path: Path, pixels: np.ndarray, subifds: bool, **options: Any) -> None:
    """Two levels, the second in a SubIFD or on a page of its own."""
    with tifffile.TiffWriter(path) as writer:
        options |= {"photometric": "rgb", "metadata": None}
        base: dict[str, Any] = {
            "resolution": (40000, 40000),
            "resolutionunit": 3,
            "subifds": int(subifds),
        }
        writer.write(pixels, **options, **base)
        writer.write(pixels[::2, ::2].copy(), **options, subfiletype=int(subifds))


def write_mha(path: Path, pixels: np.ndarray, **place: Any) -> None:
    image = sitk.GetImageFromArray(pixels, isVector=True)
    image.SetSpacing(place.get("spacing", (0.00025, 0.00025)))
    image.SetOrigin(place.get("origin", (0.0, 0.0)))
    if "direction" in place:
        image.SetDirection(place["direction"])
    sitk.WriteImage(image, str(path), useCompression=place.get("compressed", False))


def patch_tag(path: Path, name: str, value: int) -> None:
    """Overwrite a one-number tag's value in place."""
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags[name].overwrite(value)


def assert_refused(path: Path, reason: str, mpp: float | None = None) -> None:
    with pytest.raises(ImageError, match=reason) as refusal:
        read_image(path, mpp)
    text = str(refusal.value)
    assert "\n" not in text and path.name not in text
    assert ": " in text, "a remedy follows the reason"


# ------------------------------------------------------------------------------------ what is taken


@pytest.mark.parametrize(
    ("pixels", "options"),
    [
        pytest.param(RGB, {}, id="strip"),
        pytest.param(RGB, {"rowsperstrip": 7}, id="many strips"),
        pytest.param(RGB, {"tile": (16, 32)}, id="tiled"),
        pytest.param(PLANES, {"planarconfig": "separate"}, id="planar"),
        pytest.param(PLANES, {"planarconfig": "separate", "tile": (16, 16)}, id="planar, tiled"),
        pytest.param(np.dstack([RGB, OPAQUE]), {"extrasamples": ["unassalpha"]}, id="RGBA"),
        pytest.param(
            np.dstack([RGB, OPAQUE]),
            {"extrasamples": ["assocalpha"], "tile": (16, 16)},
            id="RGBA t",
        ),
        pytest.param(RGB, {"bigtiff": True}, id="BigTIFF"),
        pytest.param(RGB, {"byteorder": ">"}, id="big-endian"),
        pytest.param(RGB, {"compression": "lzw"}, id="LZW"),
        pytest.param(RGB, {"compression": "zlib", "predictor": True}, id="deflate, predictor"),
        pytest.param(RGB, {"compression": "packbits"}, id="PackBits"),
        pytest.param(RGB, {"compression": "zstd", "tile": (16, 16)}, id="zstd, refused by ITK"),
        pytest.param(PLANES, {"planarconfig": "separate", "compression": "zstd"}, id="zstd planar"),
    ],
)
def test_lossless_tiff_is_exact(tiff: Path, pixels: np.ndarray, options: dict[str, Any]) -> None:
    write_any_tiff(tiff, pixels, photometric="rgb", **options)
    image = read_image(tiff)
    assert image.pixels.dtype == np.uint8 and image.pixels.flags.c_contiguous
    np.testing.assert_array_equal(image.pixels, RGB)
    np.testing.assert_allclose(image.mpp, (0.25, 0.25), rtol=1e-7)
    assert image.origin == (0.0, 0.0)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "jpeg", "tile": (16, 16)},
        {"compression": "jpeg"},
        {"compression": "jpeg", "subsampling": (2, 2), "tile": (16, 16)},
        {"compression": "jpeg2000", "tile": (32, 32), "compressionargs": {"level": 60}},
        {"compression": "webp", "tile": (32, 32)},
    ],
    ids=["JPEG tiles", "JPEG strips", "JPEG subsampled", "JPEG 2000", "WebP"],
)
def test_lossy_tiff_is_close(tiff: Path, options: dict[str, Any]) -> None:
    write_any_tiff(tiff, RGB, photometric="rgb", **options)
    image = read_image(tiff)
    assert np.abs(image.pixels.astype(int) - RGB).mean() < 6
    np.testing.assert_array_equal(read_image(tiff).pixels, image.pixels)


@pytest.mark.parametrize("subifds", [True, False], ids=["SubIFDs", "pages"])
@pytest.mark.parametrize("compression", ["jpeg", "zlib"])
def test_pyramid_gives_its_full_resolution(tiff: Path, subifds: bool, compression: str) -> None:
    write_pyramid(tiff, RGB, subifds, compression=compression, tile=(16, 16))
    image = read_image(tiff)
    assert image.pixels.shape == RGB.shape
    tolerance = 6 if compression == "jpeg" else 0
    assert np.abs(image.pixels.astype(int) - RGB).mean() <= tolerance
    np.testing.assert_allclose(image.mpp, (0.25, 0.25))


def test_pyramid_of_odd_size_marked_as_reduced(tiff: Path) -> None:
    with tifffile.TiffWriter(tiff) as writer:
        for level in range(4):
            reduced = RGB[: HEIGHT - 1 : 2**level, : WIDTH - 3 : 2**level].copy()
            resolution = (40000 / 2**level,) * 2
            writer.write(
                reduced, photometric="rgb", subfiletype=int(level > 0), metadata=None,
                resolution=resolution, resolutionunit=3,
            )  # fmt: skip
    np.testing.assert_array_equal(read_image(tiff).pixels, RGB[: HEIGHT - 1, : WIDTH - 3])


@pytest.mark.parametrize("compressed", [False, True])
def test_mha_carries_spacing_and_origin(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "image.mha"
    place = {"spacing": (0.00023, 0.00046), "origin": (1.5, -2.5)}
    write_mha(path, RGB, compressed=compressed, **place)
    image = read_image(path.rename(tmp_path / "image.MHA"))
    np.testing.assert_array_equal(image.pixels, RGB)
    assert image.spacing == (0.00023, 0.00046) and image.origin == (1.5, -2.5)


def test_mha_with_alpha_or_a_single_slice(tmp_path: Path) -> None:
    write_mha(tmp_path / "alpha.mha", np.dstack([RGB, OPAQUE]))
    np.testing.assert_array_equal(read_image(tmp_path / "alpha.mha").pixels, RGB)
    place = {"spacing": (0.00025, 0.0005, 1), "origin": (1, 2, 3)}
    write_mha(tmp_path / "slice.mha", RGB[None], **place)
    image = read_image(tmp_path / "slice.mha")
    np.testing.assert_array_equal(image.pixels, RGB)
    assert image.spacing == (0.00025, 0.0005) and image.origin == (1, 2)


def test_png_and_jpeg_need_a_stated_pixel_size(tmp_path: Path) -> None:
    for suffix, tolerance in ((".png", 0), (".jpg", 6)):
        path = tmp_path / f"image{suffix}"
        sitk.WriteImage(sitk.GetImageFromArray(RGB, isVector=True), str(path))
        assert_refused(path, rf"{suffix} files carry no trustworthy pixel size: .*--mpp")
        image = read_image(path, mpp=0.5)
        assert np.abs(image.pixels.astype(int) - RGB).mean() <= tolerance
        assert image.mpp == (0.5, 0.5)


def test_one_pixel(tiff: Path) -> None:
    write_tiff(tiff, np.full((1, 1, 3), 7, np.uint8), 0.25)
    np.testing.assert_array_equal(read_image(tiff).pixels, [[[7, 7, 7]]])


# --------------------------------------------------------------------------------------- resolution


@pytest.mark.parametrize(
    ("resolution", "unit", "expected"),
    [
        ((40000, 40000), "CENTIMETER", (0.25, 0.25)),
        ((101600, 101600), "INCH", (0.25, 0.25)),
        ((40000, 20000), "CENTIMETER", (0.25, 0.5)),
        ((50800, 101600), "INCH", (0.5, 0.25)),
        ((1e4 / 0.2456, 1e4 / 0.2275), "CENTIMETER", (0.2456, 0.2275)),
    ],
)
def test_resolution_tags(
    tiff: Path, resolution: tuple[float, float], unit: str, expected: tuple[float, float]
) -> None:
    write_any_tiff(tiff, RGB, photometric="rgb", resolution=resolution, resolutionunit=unit)
    image = read_image(tiff)
    np.testing.assert_allclose(image.mpp, expected, rtol=1e-6)
    reader = sitk.ImageFileReader()  # the platform's own reading of the same tags
    reader.SetFileName(str(tiff))
    reader.ReadImageInformation()
    np.testing.assert_allclose(image.spacing, reader.GetSpacing(), rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"resolution": None, "resolutionunit": None}, "no pixel size in the file: .*--mpp"),
        ({"resolutionunit": "NONE"}, "no pixel size in the file: .*--mpp"),
        ({"resolution": (0, 0)}, "no pixel size in the file: .*--mpp"),
        ({"resolution": (40000, 0)}, "no pixel size in the file: .*--mpp"),
        (
            {"resolution": (72, 72), "resolutionunit": "INCH"},
            r"pixel size 352.8 x 352.8 µm is implausible \(expected 0.1 to 1.0\): .*--mpp",
        ),
        ({"resolution": (40000, 9999)}, "0.25 x 1 µm is implausible"),
        ({"resolution": (100001, 40000)}, "0.1 x 0.25 µm is implausible"),
    ],
)
def test_bad_resolution_is_refused_and_cured(
    tiff: Path, options: dict[str, Any], reason: str
) -> None:
    write_any_tiff(tiff, RGB, photometric="rgb", **options)
    assert_refused(tiff, reason)
    assert read_image(tiff, mpp=0.23).spacing == (0.00023, 0.00023)


def test_mha_without_spacing_is_refused_and_cured(tmp_path: Path) -> None:
    path = tmp_path / "image.mha"
    write_mha(path, RGB, spacing=(1.0, 1.0), origin=(3.0, 4.0))
    assert_refused(path, "no pixel size in the file")
    image = read_image(path, mpp=0.25)
    assert image.spacing == (0.00025, 0.00025) and image.origin == (3.0, 4.0)


@pytest.mark.parametrize("mpp", [0.0, -0.25, 25.0, float("nan"), float("inf")])
def test_stated_pixel_size_must_be_plausible(tiff: Path, mpp: float) -> None:
    write_tiff(tiff, RGB, 0.25)
    assert_refused(tiff, "is implausible", mpp)


def test_stated_pixel_size_replaces_the_file_s(tiff: Path) -> None:
    write_tiff(tiff, RGB, 0.25)
    assert read_image(tiff, mpp=0.4).mpp == pytest.approx((0.4, 0.4))


# --------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("pixels", "options", "reason"),
    [
        (GREY, {}, "greyscale, but RGB is needed: export it in colour"),
        (GREY, {"tile": (16, 16)}, "greyscale, but RGB is needed"),
        (GREY, {"photometric": "miniswhite"}, "greyscale, but RGB is needed"),
        (GREY.astype(np.uint16), {}, "greyscale, but RGB is needed"),
        (
            GREY, {"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)},
            "a palette image, but RGB is needed",
        ),
        (np.dstack([RGB, GREY]), {"photometric": "separated"}, "CMYK, but RGB is needed"),
        (np.dstack([RGB, RGB]), {"photometric": "rgb"}, "6 channels .* but RGB is needed"),
        (RGB.astype(np.uint16), {"photometric": "rgb"}, "16-bit samples .*: convert it to 8-bit"),
        (RGB.astype(np.uint16), {"photometric": "rgb", "tile": (16, 16)}, "16-bit samples"),
        (RGB.astype(np.float32), {"photometric": "rgb"}, "32-bit samples .*float32"),
        (RGB.view(np.int8), {"photometric": "rgb"}, r"8-bit samples \(int8\)"),
        (np.stack([RGB, RGB]), {"photometric": "rgb"}, "2 pages that are no pyramid .*: save the"),
        (
            RGB[None, None], {"photometric": "rgb", "volumetric": True, "tile": (1, 16, 16)},
            None,
        ),
        (
            np.stack([RGB, RGB]), {"photometric": "rgb", "volumetric": True, "tile": (2, 16, 16)},
            "2 slices, but one image is needed",
        ),
    ],
)  # fmt: skip
def test_other_kinds_of_tiff(
    tiff: Path, pixels: np.ndarray, options: dict[str, Any], reason: str | None
) -> None:
    write_any_tiff(tiff, pixels, **options)
    if reason is None:
        np.testing.assert_array_equal(read_image(tiff).pixels, RGB)
    else:
        assert_refused(tiff, reason)


def test_pages_of_other_shapes_are_no_pyramid(tiff: Path) -> None:
    with tifffile.TiffWriter(tiff) as writer:
        writer.write(RGB, photometric="rgb", metadata=None)
        writer.write(RGB[:40, :64].copy(), photometric="rgb", metadata=None)
    assert_refused(tiff, "2 pages that are no pyramid", mpp=0.25)


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (GREY[..., None], "greyscale: export it in colour"),
        (np.dstack([GREY, GREY]), "greyscale: export it in colour"),
        (np.dstack([RGB, RGB]), "6 channels"),
        (RGB.astype(np.uint16), "16-bit unsigned integer samples: convert it to 8-bit RGB"),
        (np.stack([RGB, RGB, RGB]), "3 slices, but one image is needed: save the one"),
    ],
)
def test_other_kinds_of_mha(tmp_path: Path, pixels: np.ndarray, reason: str) -> None:
    path = tmp_path / "image.mha"
    write_mha(path, pixels, spacing=(0.00025,) * (pixels.ndim - 1), origin=(0,) * (pixels.ndim - 1))
    assert_refused(path, reason)


def test_mha_with_turned_axes_or_pixels_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "image.mha"
    write_mha(path, RGB, direction=(-1.0, 0.0, 0.0, 1.0))
    assert_refused(path, "axes are turned .*: save it with identity direction")
    write_mha(path, RGB)
    (tmp_path / "other.raw").write_bytes(RGB.tobytes())
    path.write_bytes(path.read_bytes().replace(b"= LOCAL", b"= other.raw"))
    assert_refused(path, "pixels are in another file: save it as one .mha")


@pytest.mark.parametrize("suffix", [".tif", ".TIFF", ".mha", ".png", ".jpg"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"an empty file \(0 bytes\): copy or export it again"),
        (b"garbage " * 100, DAMAGED),
        (b"II*\0\x08\0\0\0", DAMAGED),
        (b"\0" * 4096, DAMAGED),
    ],
    ids=["empty", "garbage", "TIFF magic", "zeros"],
)
def test_no_image_at_all(tmp_path: Path, suffix: str, content: bytes, reason: str) -> None:
    path = tmp_path / f"image{suffix}"
    path.write_bytes(content)
    assert_refused(path, reason, mpp=0.25)


@pytest.mark.parametrize("fraction", [0.001, 0.02, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["strip", "tile", "jpeg", "pyramid", "planar", "mha", "mha.gz"])
def test_truncated(tmp_path: Path, kind: str, fraction: float) -> None:
    path = tmp_path / f"image.{'mha' if 'mha' in kind else 'tif'}"
    match kind:
        case "strip":
            write_tiff(path, RGB, 0.25)
        case "tile":
            write_tiff(path, RGB, 0.25, tile=(16, 16), compression="zlib")
        case "jpeg":
            write_tiff(path, RGB, 0.25, tile=(16, 16), compression="jpeg")
        case "pyramid":
            write_pyramid(path, RGB, subifds=False, compression="jpeg", tile=(16, 16))
        case "planar":
            write_tiff(path, PLANES, 0.25, planarconfig="separate")
        case _:
            write_mha(path, RGB, compressed=kind == "mha.gz")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * fraction)])
    if kind == "pyramid" and fraction == 0.99:  # only the small level lacks its end
        assert read_image(path).pixels.shape == RGB.shape
    else:
        assert_refused(path, DAMAGED)


@pytest.mark.parametrize("compression", ["zlib", "lzw", "jpeg", "zstd"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_damaged_inside(tiff: Path, compression: str, tile: tuple[int, int] | None) -> None:
    write_tiff(tiff, RGB, 0.25, compression=compression, tile=tile)
    with tifffile.TiffFile(tiff) as file:
        offset, count = file.pages.first.dataoffsets[-1], file.pages.first.databytecounts[-1]
    data = bytearray(tiff.read_bytes())
    data[offset : offset + count] = b"\xff" * count
    tiff.write_bytes(data)
    assert_refused(tiff, "damaged|cannot be read")


def test_a_declared_bomb_is_refused_before_its_pixels(tmp_path: Path, tiff: Path) -> None:
    write_tiff(tiff, RGB, 0.25)
    patch_tag(tiff, "ImageWidth", 65000)
    patch_tag(tiff, "ImageLength", 65000)
    assert_refused(tiff, r"declares 65000x65000 pixels, over 1e\+09: cut out the region")
    write_tiff(tiff, RGB, 0.25, tile=(16, 16))
    patch_tag(tiff, "TileWidth", 65520)
    patch_tag(tiff, "TileLength", 65520)
    assert_refused(tiff, "declares 65520x65520 pixels")
    path = tmp_path / "image.mha"
    write_mha(path, RGB)
    path.write_bytes(path.read_bytes().replace(b"DimSize = 80 96", b"DimSize = 90000 90000"))
    assert_refused(path, "declares 90000x90000 pixels")
    png = tmp_path / "image.png"
    sitk.WriteImage(sitk.GetImageFromArray(RGB, isVector=True), str(png))
    data = png.read_bytes()
    png.write_bytes(data[:16] + struct.pack(">II", 90000, 90000) + data[24:])
    assert_refused(png, "declares 90000x90000 pixels|cannot be decoded", mpp=0.25)


def test_a_size_beyond_the_data(tiff: Path) -> None:
    write_tiff(tiff, RGB, 0.25)
    patch_tag(tiff, "ImageLength", 20000)
    assert_refused(tiff, "damaged|without all its pixels|cannot be read")


@pytest.mark.parametrize("tag", ["ImageWidth", "ImageLength"])
def test_no_area(tiff: Path, tag: str) -> None:
    write_tiff(tiff, RGB, 0.25)
    patch_tag(tiff, tag, 0)
    assert_refused(tiff, "damaged or without area|cannot be read")


def test_mha_without_area(tmp_path: Path) -> None:
    path = tmp_path / "image.mha"
    write_mha(path, RGB)
    path.write_bytes(path.read_bytes().replace(b"DimSize = 80 96", b"DimSize = 80 0"))
    assert_refused(path, "damaged or without area|cannot be decoded")


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    assert_refused(tmp_path / "missing.tif", r"cannot be opened \(No such file or directory\): ")
    (tmp_path / "folder.tif").mkdir()
    assert_refused(tmp_path / "folder.tif", "no regular file: give a file")
    assert_refused(tmp_path / "slide.svs", "'.svs' files are not read: convert it to .tif")


def test_nothing_is_written_to_the_terminal(
    tmp_path: Path, tiff: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_tiff(tiff, RGB, 0.25, tile=(16, 16))  # ITK warns of its "suboptimal" reader
    read_image(tiff)
    path = tmp_path / "image.mha"
    write_mha(path, RGB)
    path.write_bytes(path.read_bytes()[:-100])  # MetaIO prints what it misses
    with pytest.raises(ImageError):
        read_image(path)
    tiff.write_bytes(tiff.read_bytes()[:-300])
    with pytest.raises(ImageError):
        read_image(tiff)
    photo = tmp_path / "photo.jpg"
    Picture.fromarray(RGB).save(photo)
    photo.write_bytes(photo.read_bytes().replace(b"\xff\xc4", b"\0\0\xff\xc4", 1))
    read_image(photo, 0.25)  # libjpeg tells stdout of the bytes between
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_process_without_stdout_or_stderr_reads(tiff: Path, closed: str) -> None:
    write_tiff(tiff, RGB, 0.25)
    code = "import sys; from pathlib import Path; from slide.image import read_image;" \
        "sys.exit(read_image(Path(sys.argv[1])).pixels.shape != (96, 80, 3))"  # fmt: skip
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", code, str(tiff)]
    assert subprocess.run(command, cwd=Path(__file__).parents[2]).returncode == 0


# ----------------------------------------------------------------------------------------- geometry


def test_to_millimetres_is_index_times_spacing_plus_origin() -> None:
    image = Image(RGB, spacing=(0.00025, 0.0005), origin=(1.0, -2.0))
    points = np.array([[10, 20], [0, 0]], np.float32)
    np.testing.assert_allclose(image.to_millimetres(points), [[1.0025, -1.99], [1.0, -2.0]])
    itk = sitk.Image(4, 4, sitk.sitkUInt8)
    itk.SetSpacing(image.spacing)
    itk.SetOrigin(image.origin)
    expected = itk.TransformContinuousIndexToPhysicalPoint((10.0, 20.0))
    np.testing.assert_allclose(image.to_millimetres(points)[0], expected)
    assert image.to_millimetres(np.empty((0, 2))).shape == (0, 2)


@pytest.mark.parametrize(
    ("mpp", "resampled"),
    [(0.23, False), (0.26, False), (0.275, False), (0.225, False), (0.28, True), (0.22, True)],
)
def test_resampling_starts_beyond_a_tenth(mpp: float, resampled: bool) -> None:
    result = resample(Image(RGB, (mpp / 1000, 0.00025), (0.0, 0.0)))
    assert (result.pixels is not RGB) == resampled
    if not resampled:
        assert result.scale == (1.0, 1.0)


@pytest.mark.parametrize("mpp", [(0.5, 0.5), (0.1, 0.1), (0.4, 0.3), (0.15, 0.33), (0.137, 0.25)])
def test_a_dot_keeps_its_place(mpp: tuple[float, float]) -> None:
    dot = np.array([131.3, 77.8])  # px (x, y) of the input
    x, y = (np.arange(size) * axis for size, axis in zip((211, 163), mpp, strict=True))
    distance = np.hypot(*np.meshgrid(x - dot[0] * mpp[0], y - dot[1] * mpp[1]))
    glow = 255 - 200 * np.exp(-((distance / 1.5) ** 2))
    pixels = np.repeat(glow.round().astype(np.uint8)[..., None], 3, axis=-1)
    result = resample(Image(pixels, (mpp[0] / 1000, mpp[1] / 1000), (0.0, 0.0)))
    height, width = result.pixels.shape[:2]
    assert (width, height) == (round(211 * mpp[0] / 0.25), round(163 * mpp[1] / 0.25))
    weight = 255.0 - result.pixels[..., 0]
    rows, columns = np.mgrid[:height, :width]
    found = np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()
    np.testing.assert_allclose(result.to_input(found[None])[0], dot, atol=0.03)


def test_corners_map_to_corners() -> None:
    result = resample(Image(RGB, (0.0005, 0.0003), (0.0, 0.0)))
    height, width = result.pixels.shape[:2]
    corners = np.array([[-0.5, -0.5], [width - 0.5, height - 0.5]])
    expected = [[-0.5, -0.5], [WIDTH - 0.5, HEIGHT - 0.5]]
    np.testing.assert_allclose(result.to_input(corners), expected, atol=1e-9)


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((100, 100, 3), np.uint8)
    stripes[:, ::2] = 200
    pixels = resample(Image(stripes, (0.0001, 0.0001), (0.0, 0.0))).pixels
    assert np.abs(pixels[5:-5, 5:-5].astype(int) - 100).max() <= 12


def test_resampling_to_a_bomb_is_refused() -> None:
    wide = np.broadcast_to(np.uint8(0), (8000, 8000, 3))
    with pytest.raises(
        ImageError, match=r"at 0.25 µm per pixel it has 32000x32000 pixels: cut out"
    ):
        resample(Image(wide, (0.001, 0.001), (0.0, 0.0)))


# ------------------------------------------------------------------------------------------- memory


def budget(limit: int, detecting: float = 2.25) -> MemoryBudget:
    """For pixels alone: nothing else takes memory."""
    return MemoryBudget(limit, resting=0, working=0, detecting=detecting)


PIXELS = HEIGHT * WIDTH


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ({}, 3 + 2.25),
        ({"tile": (16, 16), "compression": "zlib"}, 3 + 2.25),
        ({"tile": (16, 16), "compression": "jpeg"}, 8),
        ({"resolution": (20000, 20000)}, 3 + 4 * (3 + 2.25)),
        ({"resolution": (80000, 80000)}, 4 + (3 + 1) / 4 + 1),
    ],
    ids=["strips", "tiles", "JPEG", "enlarged", "reduced"],
)
def test_memory_follows_from_the_header(tiff: Path, options: dict[str, Any], needed: float) -> None:
    write_any_tiff(tiff, RGB, photometric="rgb", **{"resolution": (40000, 40000)} | options)
    assert read_image(tiff, budget=budget(int(PIXELS * needed))).pixels.shape == RGB.shape
    with pytest.raises(ImageError, match=r"80x96 pixels: .* GiB of memory .*--max-memory.*cut out"):
        read_image(tiff, budget=budget(int(PIXELS * needed) - 1))


@pytest.mark.parametrize("suffix", ["mha", "png", "tif"])
def test_what_does_not_fit_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / f"image.{suffix}"
    if suffix == "tif":
        write_tiff(path, RGB, 0.25)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(RGB, isVector=True), str(path))

    def decode(*_: object, **__: object) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr("slide.image._itk_pixels", decode)
    monkeypatch.setattr("slide.image._decoded", decode)
    with pytest.raises(ImageError, match=r"80x96 pixels: .*--max-memory"):
        read_image(path, 0.25, budget(PIXELS * 5))


@pytest.mark.parametrize("compression", [None, "zlib", "packbits", "lzw"])
def test_a_last_strip_as_long_as_the_others(tiff: Path, compression: str | None) -> None:
    """Some writers fill it up; tifffile refuses some of these, and SimpleITK reads them."""
    full = np.concatenate([RGB, RGB[:32]])
    write_any_tiff(tiff, full, photometric="rgb", rowsperstrip=64, compression=compression)
    patch_tag(tiff, "ImageLength", HEIGHT)
    np.testing.assert_array_equal(read_image(tiff).pixels, RGB)
