"""Bad and odd inputs, all in one folder: each has its stated outcome and takes no other down.

A kind is a file name, a function that writes the file, and the outcome: None for a result, else
what its one line of error says. `with_mpp` is the folder's second run, under `--mpp 0.25`.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from PIL import Image as Picture

from batch.folder import FolderSettings, process_folder
from batch.terminal import Terminal, shown
from model.candidates import CandidateSettings, find_candidates
from slide.image import ImageError
from slide.read import read_image
from test.batch.builders import record
from test.container.conftest import strict_json
from test.model.builders import tiny_detector
from test.rendering import render_tissue
from test.slide.tiff.builders import (
    FLOAT,
    RATIONAL,
    SHORT,
    Encode,
    aperio,
    drop_segments,
    edit_ifd,
    j2k,
    jfif,
    ome,
    philips,
    write_encoded,
)  # fmt: skip
from training.tiff import write_tiff

RGB, _ = render_tissue((96, 80), figures=0, seed=5)
GREY = RGB[..., 0].copy()
ALPHA = np.dstack([RGB, np.full(GREY.shape, 255, np.uint8)])
PLANES = np.moveaxis(RGB, -1, 0).copy()
CM: dict[str, Any] = {"resolution": (40000, 40000), "resolutionunit": "CENTIMETER"}
DAMAGED = "truncated|damaged|cannot be read|cannot be decoded|not a MetaImage|without any page"
NO_SIZE = "no pixel size in the file.*: state it with --mpp"
Write = Callable[[Path], Any]


class Kind(NamedTuple):
    file: str
    write: Write
    outcome: str | None
    with_mpp: bool = False


def tiff(pixels: np.ndarray = RGB, **options: Any) -> Write:
    """A TIFF of tifffile's options, RGB and of 0.25 µm per pixel unless they say otherwise."""
    return lambda path: tifffile.imwrite(path, pixels, **({"photometric": "rgb"} | CM | options))


def mha(pixels: np.ndarray = RGB, compressed: bool = False, **header: str) -> Write:
    """A MetaImage; `header` replaces the values of its lines."""

    def write(path: Path) -> None:
        image = sitk.GetImageFromArray(pixels, isVector=True)
        image.SetSpacing((0.00025,) * image.GetDimension())
        sitk.WriteImage(image, str(path), useCompression=compressed)
        head, data, pixel = path.read_bytes().partition(b"ElementDataFile = LOCAL\n")
        lines = [line.partition(" = ")[::2] for line in head.decode().splitlines()]
        text = "".join(f"{key} = {header.get(key, value)}\n" for key, value in lines)
        data = f"ElementDataFile = {header.get('ElementDataFile', 'LOCAL')}\n".encode()
        path.write_bytes(text.encode() + data + pixel)

    return write


def cut(write: Write, share: float) -> Write:
    """Truncated to a share of its bytes."""

    def truncate(path: Path) -> None:
        write(path)
        os.truncate(path, int(path.stat().st_size * share))

    return truncate


def patched(write: Write, **tags: Any) -> Write:
    """A TIFF with tags overwritten in place."""

    def patch(path: Path) -> None:
        write(path)
        with tifffile.TiffFile(path, mode="r+") as file:
            for name, value in tags.items():
                file.pages.first.tags[name].overwrite(value)

    return patch


def pyramid(subifds: bool) -> Write:
    def write(path: Path) -> None:
        with tifffile.TiffWriter(path) as writer:
            shape: dict[str, Any] = {"photometric": "rgb", "metadata": None, "tile": (16, 16)}
            writer.write(RGB, **shape, **CM, subifds=int(subifds))
            writer.write(RGB[::2, ::2].copy(), **shape, subfiletype=1)

    return write


def cyclic(path: Path) -> None:
    """The chain of pages leads back to the first one."""
    write_tiff(path, RGB, 0.25)
    with tifffile.TiffFile(path) as file:
        first = file.pages.first.offset
    data = bytearray(path.read_bytes())
    (entries,) = struct.unpack_from("<H", data, first)
    struct.pack_into("<I", data, first + 2 + 12 * entries, first)
    path.write_bytes(data)


def cyclic_subifds(path: Path) -> None:
    """A pyramid whose reduced level is the image itself."""
    pyramid(True)(path)
    with tifffile.TiffFile(path) as file:
        first = file.pages.first.offset
    patched(lambda _: None, SubIFDs=first)(path)


def deflate_bomb(path: Path) -> None:
    """One strip that unpacks to 64 MiB where 23 kB are declared."""
    packed = zlib.compress(bytes(1 << 26), 1)
    tiff(compression="zlib", rowsperstrip=96)(path)
    with path.open("ab") as file:
        offset = file.tell()
        file.write(packed)
    patched(lambda _: None, StripOffsets=offset, StripByteCounts=len(packed))(path)


def saved(pixels: np.ndarray, form: str) -> Write:
    return lambda path: Picture.fromarray(pixels).save(path, form)


def raw(content: bytes) -> Write:
    return lambda path: path.write_bytes(content)


def linked(to: str) -> Write:
    return lambda path: path.symlink_to(to.format(folder=path.parent.parent))


def unreadable(path: Path) -> None:
    write_tiff(path, RGB, 0.25)
    path.chmod(0)


def edited(write: Write, *changes: tuple[int, int, list[float]]) -> Write:
    """A TIFF with tags of any type set afterwards: number, field type, values."""

    def edit(path: Path) -> None:
        write(path)
        edit_ifd(path, changes)

    return edit


def sparse(path: Path) -> None:
    tiff(tile=(32, 32))(path)
    drop_segments(path, [1, 4])


def streams(encode: Encode, compression: str | int, pixels: np.ndarray = RGB) -> Write:
    """Tiles of any encoder, tagged RGB."""
    return lambda path: write_encoded(path, encode, compression, 2, pixels)


def flat(*colour: int) -> np.ndarray:
    return np.full((96, 80, 3), colour, np.uint8)


def described(text: str) -> Write:
    """A TIFF whose pixel size is in its description alone."""
    return tiff(description=text.encode(), resolution=None, resolutionunit=None)


def with_exif(pixels: np.ndarray, form: str) -> Write:
    turned = Picture.Exif()
    turned[274] = 6  # Orientation
    return lambda path: Picture.fromarray(pixels).save(path, form, exif=turned)


PLAIN = tiff()
PER_MICRON: dict[str, Any] = {"resolution": (4, 4), "resolutionunit": "NONE"}
YCBCR = np.asarray(Picture.fromarray(RGB).convert("YCbCr"))
GLASS = ALPHA * (np.arange(96)[:, None, None] > 30)  # transparent at the top
HIDDEN = np.dstack([RGB, np.zeros_like(GREY)])
GONE = "vanished.tif"  # when the folder has been listed
KINDS = [
    # Layouts and codecs.
    Kind("strips.tif", tiff(rowsperstrip=7), None),
    Kind("tiles.tif", tiff(tile=(16, 32)), None),
    Kind("planar.tif", tiff(PLANES, planarconfig="separate"), None),
    Kind("rgba.tif", tiff(ALPHA, extrasamples=["unassalpha"]), None),
    Kind("bigtiff.tif", tiff(bigtiff=True), None),
    Kind("big endian.tif", tiff(byteorder=">"), None),
    Kind("SUFFIX.TIFF", PLAIN, None),
    Kind("pyramid in subifds.tif", pyramid(True), None),
    Kind("pyramid in pages.tif", pyramid(False), None),
    Kind("lzw.tif", tiff(compression="lzw"), None),
    Kind("deflate.tif", tiff(compression="zlib", predictor=True), None),
    Kind("packbits.tif", tiff(compression="packbits"), None),
    Kind("jpeg.tif", tiff(compression="jpeg", tile=(16, 16)), None),
    Kind("jpeg2000.tif", tiff(compression="jpeg2000", tile=(32, 32)), None),
    Kind("webp.tif", tiff(compression="webp", tile=(32, 32)), None),
    Kind("zstd.tif", tiff(compression="zstd"), None),
    Kind("deflate of old.tif", tiff(compression=32946), None),
    Kind("lzma.tif", tiff(compression="lzma"), None),
    Kind("jpeg subsampled.tif", tiff(compression="jpeg", subsampling=(2, 2)), None),
    Kind(
        "jpeg of rgb.tif", tiff(compression="jpeg", compressionargs={"outcolorspace": "rgb"}), None
    ),
    Kind("jpeg2000 of aperio.tif", tiff(compression=33005, tile=(32, 32)), None),
    Kind("jpeg xl.tif", tiff(compression="jpegxl", tile=(32, 32)), None),
    Kind("png tiles.tif", tiff(compression="png", tile=(32, 32)), None),
    Kind(
        "full last strip.tif",
        patched(tiff(rowsperstrip=64, compression="zlib"), ImageLength=90),
        None,
    ),
    Kind("jfif tagged rgb.tif", streams(jfif(2), "jpeg"), None),
    Kind("aperio ycbcr.tif", streams(j2k(), 33003, YCBCR), None),
    Kind("jpeg 2000 at odds.tif", streams(j2k(transform=True), 33003), "contradict each other"),
    Kind("ycbcr.tif", tiff(YCBCR, photometric="ycbcr", subsampling=(1, 1)), None),
    Kind("old jpeg.tif", edited(tiff(compression="jpeg"), (259, SHORT, [6])), "old-style JPEG"),
    Kind("turned.tif", edited(PLAIN, (274, SHORT, [6])), None),
    Kind("turned jpeg.tif", edited(tiff(compression="jpeg"), (274, SHORT, [8])), None),
    Kind("sparse.tif", sparse, None),
    Kind("straight alpha.tif", tiff(GLASS, extrasamples=["unassalpha"]), None),
    Kind("premultiplied.tif", tiff(GLASS, extrasamples=["assocalpha"]), None),
    Kind(
        "invisible.tif",
        tiff(HIDDEN, extrasamples=["unassalpha"]),
        "transparent",
    ),
    Kind("infrared.tif", tiff(GLASS, extrasamples=["unspecified"]), "not marked as alpha"),
    Kind("metaimage.mha", mha(), None),
    Kind("packed.mha", mha(compressed=True), None),
    Kind("cyclic pages.tif", cyclic, "its pages lead back to an earlier one"),
    Kind("cyclic subifds.tif", cyclic_subifds, None),
    # Contents.
    Kind("1x1.tif", tiff(RGB[:1, :1].copy()), None),
    Kind("10x10.tif", tiff(RGB[:10, :10].copy()), None),
    Kind("one row.tif", tiff(RGB[:1].copy()), None),
    Kind("one colour.tif", tiff(flat(180, 120, 170)), None),
    Kind("white.tif", tiff(flat(255, 255, 255)), None),
    Kind("black.tif", tiff(flat(0, 0, 0)), None),
    Kind("noise.tif", tiff(np.random.default_rng(0).integers(0, 256, RGB.shape, np.uint8)), None),
    # Pixel sizes.
    Kind("inches.tif", tiff(resolution=(101600, 101600), resolutionunit="INCH"), None),
    Kind("anisotropic.tif", tiff(resolution=(40000, 20000)), None),
    Kind("no resolution.tif", tiff(resolution=None, resolutionunit=None), NO_SIZE),
    Kind("no unit.tif", tiff(resolutionunit="NONE"), NO_SIZE),
    Kind("zero.tif", tiff(resolution=(0, 0)), NO_SIZE),
    Kind("72 dpi.tif", tiff(resolution=(72, 72), resolutionunit="INCH"), "352.8 µm is implausible"),
    Kind("stated.tif", tiff(resolution=None, resolutionunit=None), None, with_mpp=True),
    Kind("float resolution.tif", edited(PLAIN, (282, FLOAT, [4e4]), (283, FLOAT, [4e4])), None),
    Kind(
        "two resolutions.tif",
        edited(PLAIN, (282, RATIONAL, [40000, 1, 50000, 1])),
        "XResolution has 2 values",
    ),
    Kind("unit 9.tif", edited(PLAIN, (296, SHORT, [9])), "ResolutionUnit 9 is unknown"),
    Kind("ome.tif", described(ome(80, 96)), None),
    Kind("aperio.tif", described(aperio(80, 96)), None),
    Kind("philips.tif", described(philips('"0.00025" "0.00025"')), None),
    Kind("imagej.tif", tiff(description="ImageJ=1.53t\nunit=um\n", **PER_MICRON), None),
    Kind("at odds.tif", tiff(description=ome(80, 96).encode(), resolution=(2e4, 2e4)), "two pixel"),
    Kind("no spacing.mha", mha(ElementSpacing="1 1"), NO_SIZE),
    Kind("nan spacing.mha", mha(ElementSpacing="nan nan"), "implausible|cannot be decoded"),
    Kind("nan origin.mha", mha(Offset="nan nan"), "invalid origin"),
    Kind("turned.mha", mha(TransformMatrix="-1 0 0 1"), "its axes are rotated"),
    # Other kinds of pixels.
    Kind("grey.tif", tiff(GREY, photometric="minisblack"), "greyscale, but RGB is needed"),
    Kind("one bit.tif", tiff(GREY > 128, photometric="minisblack"), "greyscale, but RGB"),
    Kind(
        "palette.tif",
        tiff(GREY, photometric="palette", colormap=np.zeros((3, 256), np.uint16)),
        "a palette image, but RGB is needed",
    ),
    Kind("cmyk.tif", tiff(ALPHA, photometric="separated"), "CMYK, but RGB is needed"),
    Kind("signed.tif", tiff(RGB.view(np.int8)), "8-bit samples \\(int8\\)"),
    Kind("16 bit.tif", tiff(RGB.astype(np.uint16)), "16-bit samples"),
    Kind("float.tif", tiff(RGB.astype(np.float32)), "32-bit samples"),
    Kind("many pages.tif", tiff(np.stack([RGB, RGB])), "2 pages that are not a pyramid"),
    Kind("volume.mha", mha(np.stack([RGB, RGB])), "2 slices, but one image is needed"),
    Kind("lab.tif", tiff(photometric="cielab"), "CIELab, but RGB is needed"),
    Kind("five channels.tif", tiff(np.dstack([RGB, RGB[..., :2]])), "5 channels, but RGB"),
    Kind(
        "grey with alpha.tif",
        tiff(RGB[..., :2].copy(), photometric="minisblack", planarconfig="contig"),
        "greyscale with alpha",
    ),
    Kind("stack.tif", tiff(description="ImageJ=1.53t\nimages=3\n"), "3 slices"),
    Kind("channels.tif", tiff(PLANES, photometric="minisblack"), "3 greyscale pages"),
    Kind("rgba.mha", mha(GLASS), None),
    Kind("grey.mha", mha(GREY[..., None]), "greyscale: export it in colour"),
    # Damaged.
    Kind("one byte.tif", raw(b"I"), DAMAGED),
    Kind("garbage.tif", raw(b"garbage " * 99), DAMAGED),
    Kind("zeros.mha", raw(bytes(4096)), DAMAGED),
    Kind("magic alone.tif", raw(b"II*\0"), DAMAGED),
    Kind("cut in the pages.tif", cut(PLAIN, 0.004), DAMAGED),
    Kind("cut in the pixels.tif", cut(PLAIN, 0.5), DAMAGED),
    Kind("cut in the last tile.tif", cut(tiff(tile=(16, 16), compression="zlib"), 0.99), DAMAGED),
    Kind("a stream cut off.tif", streams(lambda t: jfif(0)(t)[:-99], "jpeg"), DAMAGED),
    Kind("a small stream.tif", streams(lambda t: jfif(2)(t[9:, 9:].copy()), "jpeg"), DAMAGED),
    Kind("no packed size.mha", mha(compressed=True, CompressedDataSize="0"), None),
    Kind("cut in the header.mha", cut(mha(), 0.004), DAMAGED),
    Kind("cut in the pixels.mha", cut(mha(), 0.5), DAMAGED),
    Kind("cut packed.mha", cut(mha(compressed=True), 0.9), DAMAGED),
    Kind("no width.tif", patched(PLAIN, ImageWidth=0), DAMAGED),
    Kind("no height.mha", mha(DimSize="80 0"), DAMAGED),
    Kind("negative.mha", mha(DimSize="80 -96"), DAMAGED + "|declares"),
    Kind("counts too large.tif", patched(PLAIN, StripByteCounts=1 << 31), DAMAGED),
    Kind("counts zero.tif", patched(PLAIN, StripByteCounts=0), "without all its pixels"),
    Kind("counts too small.tif", patched(tiff(compression="zlib"), StripByteCounts=9), DAMAGED),
    Kind("pixels behind the end.tif", patched(PLAIN, StripOffsets=1 << 30), DAMAGED),
    Kind("png inside.tif", saved(RGB, "png"), "it is a PNG file: rename it"),
    Kind("tiff inside.mha", PLAIN, "it is a TIFF file: rename it"),
    # Hostile.
    Kind("bomb.tif", patched(PLAIN, ImageWidth=200_000, ImageLength=200_000), "over 1e\\+09"),
    Kind(
        "bomb of a tile.tif",
        patched(tiff(tile=(16, 16)), TileWidth=65520, TileLength=65520),
        "declares 65520x65520 pixels",
    ),
    Kind("bomb.mha", mha(DimSize="200000 200000"), "declares 200000x200000 pixels"),
    Kind("deflate bomb.tif", deflate_bomb, DAMAGED),
    Kind("pixels elsewhere.mha", mha(ElementDataFile="/etc/passwd"), "are in another file"),
    Kind("a list.mha", mha(ElementDataFile="LIST"), "are in another file"),
    # Files of other kinds, and names.
    Kind(GONE, PLAIN, "cannot be opened \\(No such file"),
    Kind("pipe.tif", os.mkfifo, "not a regular file"),
    Kind("link to nothing.tif", linked("{folder}/in/nothing"), "cannot be opened \\(No such file"),
    Kind("link to itself.tif", linked("link to itself.tif"), "cannot be opened \\(Too many levels"),
    Kind("link to outside.tif", linked("{folder}/outside.tif"), "a link out of the input folder"),
    Kind("link inside.tif", linked("strips.tif"), None),
    Kind("rights.tif", unreadable, None if os.geteuid() == 0 else "Permission denied"),
    Kind("quotes ' \" ` $(x).tif", PLAIN, None),
    Kind("line\nbreak.tif", PLAIN, None),
    Kind("line\nbreak\x1b[31m.mha", raw(b"x"), DAMAGED),
    Kind("Größe 有丝分裂.tif", PLAIN, None),
    Kind(os.fsdecode(b"no utf-8 \xff.tif"), PLAIN, "is not UTF-8: rename it"),
    Kind("n" * 251 + ".tif", PLAIN, None),
    Kind("twins.tif", PLAIN, None),
    Kind("twins.mha", mha(), None),
    Kind("a..tif", PLAIN, None),
    Kind("results.json.tif", PLAIN, None),
    Kind("photo.png", saved(RGB, "png"), None, with_mpp=True),
    Kind("photo.jpg", saved(RGB, "jpeg"), None, with_mpp=True),
    Kind("grey.png", saved(GREY, "png"), "greyscale: export it in colour", with_mpp=True),
    Kind("glass.png", saved(GLASS, "png"), None, with_mpp=True),
    Kind("grey with alpha.png", saved(GLASS[..., 2:].copy(), "png"), "with alpha", with_mpp=True),
    Kind("turned.jpg", with_exif(RGB, "jpeg"), None, with_mpp=True),
    Kind("half.jpg", cut(saved(RGB, "jpeg"), 0.5), DAMAGED, with_mpp=True),
    Kind("cut.jpg", cut(saved(RGB, "jpeg"), 0.02), DAMAGED, with_mpp=True),
]


class Ran(NamedTuple):
    folder: Path
    failures: list[str]
    skipped: list[str]
    images: dict[str, dict[str, Any]]  # of results.json, by file


def run_kinds(folder: Path, with_mpp: bool) -> Ran:
    """Process all kinds of one sort in an empty folder."""
    source = folder / "in"
    (source / "directory.tiff").mkdir(parents=True)
    write_tiff(folder / "outside.tif", RGB, 0.25)
    chosen = [kind for kind in KINDS if kind.with_mpp == with_mpp]
    for kind in chosen:
        kind.write(source / kind.file)

    class Vanishing(Terminal):
        """Takes a file away when the folder has been listed."""

        def warn(self, text: str) -> None:
            (source / GONE).unlink(missing_ok=True)
            super().warn(text)

    settings = FolderSettings(
        source, folder / "out", record(), mpp=0.25 if with_mpp else None, terminal=Vanishing()
    )
    failures = process_folder(tiny_detector("none"), settings)
    summary = strict_json(folder / "out" / "results.json")
    images, skipped = summary["images"], summary["skipped"]
    by_file = {image["file"]: image for image in images}
    assert len(by_file) == len(images) == len(chosen), "each image, once"
    return Ran(folder, failures, skipped, by_file)


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "with mpp"])
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run_kinds(tmp_path_factory.mktemp("odd"), request.param)


def test_each_kind_has_its_stated_outcome(ran: Ran, subtests: pytest.Subtests) -> None:
    for kind in KINDS:
        if kind.file not in ran.images:
            continue
        with subtests.test(shown(kind.file)):
            check(ran, kind)


def check(ran: Ran, kind: Kind) -> None:
    image = ran.images[kind.file]
    folder = ran.folder / "out" / image["folder"]
    assert folder.parent == ran.folder / "out", "it stays in the output"
    result = strict_json(folder / "result.json")
    assert (result["file"], result["status"]) == (kind.file, image["status"])
    if kind.outcome is None:
        assert image["error"] is None
        assert strict_json(folder / "mitotic-figures.json")["type"] == "Multiple points"
        return
    assert not (folder / "mitotic-figures.json").exists()
    (line,) = [line for line in ran.failures if line.startswith(f"{shown(kind.file)}: ")]
    assert "unexpected" not in line and line.isprintable()
    with pytest.raises(AssertionError, match=kind.outcome):  # the regular expressions' diff is kept
        raise AssertionError(image["error"])


REPORTED = {  # what result.json says: a warning, and the source of the pixel size
    "strips.tif": ("", "resolution tags"),
    "turned.tif": ("Orientation 6 is ignored", "resolution tags"),
    "turned jpeg.tif": ("Orientation 8 is ignored", "resolution tags"),
    "sparse.tif": ("the file leaves out 2 of 9 tiles", "resolution tags"),
    "straight alpha.tif": (
        "32.3% of it is fully or partly transparent: composed on white",
        "resolution tags",
    ),
    "ome.tif": ("", "OME-XML PhysicalSize"),
    "imagej.tif": ("", "ImageJ unit"),
    "aperio.tif": ("", "Aperio MPP"),
    "philips.tif": ("", "Philips DICOM_PIXEL_SPACING"),
    "metaimage.mha": ("", "ElementSpacing"),
    "turned.jpg": ("Orientation 6 is ignored", "--mpp"),
    "glass.png": ("32.3% of it is fully or partly transparent: composed on white", "--mpp"),
}


def test_result_json_says_what_the_reader_did(ran: Ran) -> None:
    reported = set(REPORTED) & set(ran.images)
    assert reported
    for file in reported:
        result = strict_json(ran.folder / "out" / ran.images[file]["folder"] / "result.json")
        warning, source = REPORTED[file]
        about_pixels = [w for w in result["warnings"] if re.search("ignored|leaves out|transp", w)]
        assert result["pixel_size_source"] == source
        assert len(about_pixels) == (warning != "") and warning in "".join(about_pixels)


def test_a_directory_with_an_image_s_suffix_is_skipped(ran: Ran) -> None:
    assert "directory.tiff: a folder" in ran.skipped


def test_there_are_more_than_forty_kinds() -> None:
    assert len({kind.file for kind in KINDS}) == len(KINDS) > 80


@pytest.mark.parametrize("codec", [None, "jpeg"])
def test_a_tiff_that_vanishes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str | None
) -> None:
    """Between its header and its pixels: it is open, so all of it is still there."""
    path = tmp_path / "a.tif"
    tiff(compression=codec)(path)
    monkeypatch.setattr("slide.tiff.read.check_memory", lambda *_: path.unlink())
    assert read_image(path).pixels.shape == RGB.shape


def test_a_metaimage_that_vanishes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mha"
    mha()(path)
    monkeypatch.setattr("slide.metaimage.check_memory", lambda *_: path.unlink())
    with pytest.raises(ImageError, match=DAMAGED):
        read_image(path)


def test_hundreds_of_thousands_of_candidates() -> None:
    """A dot every seven pixels: each is found, whichever stripe it lies in."""
    side = 3500
    pixels = np.full((side, side, 3), (230, 180, 210), np.uint8)
    for y in range(4):
        for x in range(4):
            pixels[y::7, x::7] = (60, 40, 140)
    centres = find_candidates(pixels, CandidateSettings("full", 0.5, 0.5, window=1, min_area=16))
    assert len(centres) == 500**2
    np.testing.assert_allclose(centres[[0, 499, -1]], [[1.5, 1.5], [3494.5, 1.5], [3494.5, 3494.5]])
