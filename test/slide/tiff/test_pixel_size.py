"""Pixel sizes of TIFF files: resolution tags of any type, fields of programs and scanners."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from slide.read import read_header, read_image
from test.slide.builders import assert_refused
from test.slide.tiff.builders import (
    ASCII,
    CM,
    FLOAT,
    LONG,
    RATIONAL,
    RGB,
    SHORT,
    aperio,
    edit_ifd,
    ome,
    philips,
    write,
)  # fmt: skip

X, Y, UNIT = 282, 283, 296
HEIGHT, WIDTH = RGB.shape[:2]
NO_TAGS: dict[str, Any] = {"resolution": None, "resolutionunit": None}


def assert_size(path: Path, source: str, mpp: Sequence[float] = (0.25, 0.25)) -> None:
    image = read_image(path)
    np.testing.assert_allclose(image.mpp, mpp, rtol=1e-4)
    assert str(image.mpp_source).startswith(source)
    assert read_header(path).spacing == image.spacing


# ---------------------------------------------------------------------------------- resolution tags


@pytest.mark.parametrize(
    ("kind", "values", "unit", "mpp"),
    [
        (RATIONAL, [40000, 1], 3, 0.25),
        (RATIONAL, [40000, 1, 40000, 1], 3, 0.25),
        (FLOAT, [40000.0], 3, 0.25),
        (FLOAT, [101600.0], 2, 0.25),
        (LONG, [40000], 3, 0.25),
        (SHORT, [40000], 3, 0.25),
        (SHORT, [40000, 40000], 3, 0.25),
        (SHORT, [4000], 4, 0.25),
        (SHORT, [4], 5, 0.25),
        (FLOAT, [2.0], 5, 0.5),
    ],
)
def test_resolution_of_any_type(
    tiff: Path, kind: int, values: list[float], unit: int, mpp: float
) -> None:
    write(tiff)
    edit_ifd(tiff, [(X, kind, values), (Y, kind, values), (UNIT, SHORT, [unit])])
    assert_size(tiff, "resolution tags", (mpp, mpp))


@pytest.mark.parametrize(
    ("changes", "drop", "reason"),
    [
        ([(X, RATIONAL, [40000, 1, 20000, 1])], (), "XResolution has 2 values"),
        ([(X, FLOAT, [math.nan])], (), "XResolution is not a positive number"),
        ([(X, FLOAT, [-40000])], (), "XResolution is not a positive number"),
        ([(Y, FLOAT, [math.inf])], (), "YResolution is not a positive number"),
        ([(Y, ASCII, list(b"40000\0"))], (), "YResolution is not a number"),
        ([(UNIT, SHORT, [7])], (), "ResolutionUnit 7 is unknown"),
        ([(UNIT, SHORT, [1])], (), "no unit"),
        ([], (UNIT,), "no unit"),
        ([], (Y,), "one of XResolution and YResolution is missing or 0"),
        ([(X, RATIONAL, [0, 1])], (), "one of XResolution and YResolution is missing or 0"),
        ([(X, RATIONAL, [40000, 0])], (), "one of XResolution and YResolution is missing or 0"),
    ],
)
def test_resolution_that_cannot_be_used(
    tiff: Path, changes: Any, drop: tuple[int, ...], reason: str
) -> None:
    write(tiff)
    edit_ifd(tiff, changes, drop)
    assert_refused(tiff, rf"no pixel size in the file \(resolution tags: {reason}\): .*--mpp")
    image = read_image(tiff, 0.25)
    assert (image.mpp_source, image.warnings) == ("--mpp", ())


# ------------------------------------------------------------------------- programs' and scanners'


VENDORS: list[Any] = [
    pytest.param("OME-XML", ome(), id="OME"),
    pytest.param("OME-XML", ome(unit="µm"), id="OME in µm"),
    pytest.param("OME-XML", ome(x="250", unit="nm"), id="OME in nm"),
    pytest.param("OME-XML", ome(x="0.00025", unit="mm"), id="OME in mm"),
    pytest.param("OME-XML", f"<!-- {3000 * 'x'} -->{ome().partition('?>')[2]}", id="OME, comment"),
    pytest.param("Aperio MPP", aperio(), id="Aperio"),
    pytest.param("Aperio MPP", aperio(mpp="0,25"), id="Aperio, decimal comma"),
    pytest.param("Aperio MPP", aperio(46000, 32914), id="a region cut from an Aperio slide"),
    pytest.param("Philips", philips('"0.00025" "0.00025"'), id="Philips"),
    pytest.param("Philips", philips('"0.001" "0.001"', '"0.00025" "0.00025"'), id="Philips levels"),
]
DPI_72: dict[str, Any] = {"resolution": (72, 72), "resolutionunit": "INCH"}


@pytest.mark.parametrize(("power", "mpp", "usual"), [
    ("40", "0.25", True), ("40", "0.2275", True), ("20", "0.5", True), ("20", "0.46", True),
    ("20", "0.25", False), ("40", "0.5", False), ("forty", "0.5", True), ("0", "0.5", True),
])  # fmt: skip
def test_a_magnification_that_contradicts(tiff: Path, power: str, mpp: str, usual: bool) -> None:
    text = aperio(mpp=mpp).replace("AppMag = 40", f"AppMag = {power}")
    write(tiff, description=text.encode(), **NO_TAGS)
    warnings = read_image(tiff).warnings
    assert [
        f"a magnification of {power}x is not usual for {mpp} x {mpp} µm" in w for w in warnings
    ] == ([] if usual else [True])
    assert not any("magnification" in warning for warning in read_image(tiff, 0.25).warnings)


@pytest.mark.parametrize("tags", [NO_TAGS, DPI_72, {**CM, "resolutionunit": "NONE"}], ids=str)
@pytest.mark.parametrize(("source", "description"), VENDORS)
def test_vendors_fields(tiff: Path, source: str, description: str, tags: dict[str, Any]) -> None:
    write(tiff, description=description.encode(), **tags)
    assert_size(tiff, source)


@pytest.mark.parametrize(("source", "description"), VENDORS)
def test_resolution_tags_come_first_and_contradictions_are_refused(
    tiff: Path, source: str, description: str
) -> None:
    write(tiff, description=description.encode(), resolution=(39000, 39000))
    assert_size(tiff, "resolution tags", (1 / 3.9, 1 / 3.9))
    write(tiff, description=description.encode(), resolution=(20000, 20000))
    sizes = r"two pixel sizes, 0.5 x 0.5 µm \(resolution tags\) and 0.25 x 0.25 µm"
    assert_refused(tiff, rf"{sizes} \({source}.*\): state it with --mpp")
    image = read_image(tiff, 0.25)
    assert image.mpp_source == "--mpp"
    assert image.warnings == ("0.25 x 0.25 µm (--mpp) replaces 0.5 x 0.5 µm (resolution tags)",)


@pytest.mark.parametrize(
    "description",
    [
        ome(x="0.25", unit="pixel"),
        ome(x="nan"),
        ome(x="-0.25"),
        ome(WIDTH * 4, HEIGHT * 4),
        ome()[:-9],
        '<!DOCTYPE a [<!ENTITY b "0.25">]>' + ome(),
        aperio(mpp="unknown"),
        aperio(mpp="0"),
        aperio(WIDTH * 16, HEIGHT * 16),
        aperio().replace("MPP", "PPM"),
        aperio() + "|MPP = 0.5",
        ome().replace(
            "</OME>", ome(x="0.5").partition("</OME>")[0].partition('06">')[2] + "</OME>"
        ),
        philips("0.00025"),
        philips('"a" "b"'),
        "ImageJ=1.53t\nunit=pixel\n",
        "MPP = 0.25",
        '{"mpp": 0.25}',
        "\0",
    ],
)
def test_fields_that_say_nothing_usable(tiff: Path, description: str) -> None:
    write(tiff, description=description.encode(), **NO_TAGS)
    assert_refused(tiff, "no pixel size in the file.*: state it with --mpp")


def libvips(width: int, height: int) -> str:
    """As libvips describes what it made of a slide of 0.25 µm per pixel."""
    values = {
        "openslide.level[0].width": width, "openslide.level[0].height": height,
        "openslide.mpp-x": 0.25, "openslide.mpp-y": 0.25,
    }  # fmt: skip
    each = "".join(
        f"<property><name>{name}</name><value type='gchararray'>{value}</value></property>"
        for name, value in values.items()
    )
    place = "http://www.vips.ecs.soton.ac.uk//dzsave"
    return f'<?xml version="1.0"?><image xmlns="{place}"><properties>{each}</properties></image>'


def test_what_libvips_has_shrunk(tiff: Path) -> None:
    """Its resolution tags may be those of the whole slide; other sizes are of parts of it."""
    for width, height in ((WIDTH, HEIGHT), (WIDTH * 2, HEIGHT), (WIDTH * 90, HEIGHT * 90)):
        write(tiff, description=libvips(width, height).encode())
        assert_size(tiff, "resolution tags")
    write(tiff, description=libvips(WIDTH * 2 + 1, HEIGHT * 2).encode())
    assert_refused(
        tiff, r"two pixel sizes, 0.25 x 0.25 µm .*tags\) and 0.50\d+ x 0.5 µm \(libvips open"
    )
    write(tiff, description=libvips(WIDTH * 2, HEIGHT * 2).encode(), resolution=(20000, 20000))
    assert_size(tiff, "resolution tags", (0.5, 0.5))
    write(tiff, description=libvips(WIDTH * 2, HEIGHT * 2).replace("mpp-y", "mpp").encode())
    assert_refused(tiff, r"two pixel sizes, 0.25 x 0.25 µm .* and 0.5 x 0.5 µm \(libvips")
    write(tiff, description=libvips(WIDTH * 2, HEIGHT * 2)[:-9].encode())
    assert_size(tiff, "resolution tags")


def test_a_field_of_an_implausible_size(tiff: Path) -> None:
    write(tiff, description=ome(x="250", unit="µm").encode(), **NO_TAGS)
    assert_refused(tiff, "OME-XML PhysicalSize: pixel size 250 x 250 µm is implausible .*--mpp")


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        (' PhysicalSizeY="0.25"', "", "PhysicalSizeY is missing"),
        ('SizeX="0.25"', 'SizeX="0,25"', r"PhysicalSizeX is '0,25', not a positive number"),
        ('SizeX="0.25"', 'SizeX=""', "PhysicalSizeX is '', not a positive number"),
        ('YUnit="um"', 'YUnit="px"', "PhysicalSizeYUnit 'px' is not known"),
    ],
)  # fmt: skip
def test_ome_says_what_is_missing(tiff: Path, before: str, after: str, problem: str) -> None:
    text = ome(unit="um").replace(before, after)
    write(tiff, description=text.encode(), **NO_TAGS)
    assert_refused(tiff, f"OME-XML PhysicalSize: {problem}.*--mpp")


def test_anisotropic_fields(tiff: Path) -> None:
    text = ome().replace('PhysicalSizeY="0.25"', 'PhysicalSizeY="0.5"')
    write(tiff, description=text.encode(), **NO_TAGS)
    assert_size(tiff, "OME-XML", (0.25, 0.5))
    write(tiff, description=philips('"0.0005" "0.00025"').encode(), **NO_TAGS)  # rows, columns
    assert_size(tiff, "Philips", (0.25, 0.5))


def test_ome_of_several_images_takes_the_one_of_this_size(tiff: Path) -> None:
    other = ome(90, 60, x="9").partition("<Image")[2].partition("</OME>")[0]
    text = ome().replace("</OME>", f"<Image{other}</OME>")
    write(tiff, description=text.encode(), **NO_TAGS)
    assert_size(tiff, "OME-XML")


@pytest.mark.parametrize(
    ("unit", "per_unit", "stated"),
    [
        ("micron", 4, "NONE"), ("um", 4, "NONE"), ("Micron", 4, "NONE"), ("µm", 4, "NONE"),
        (r"\u00B5m", 4, "NONE"), ("nm", 0.004, "NONE"), ("mm", 4000, "NONE"),
        ("cm", 40000, "NONE"), ("inch", 101600, "NONE"), ("micron", 4, "CENTIMETER"),
    ],
)  # fmt: skip
def test_imagej(tiff: Path, unit: str, per_unit: float, stated: str) -> None:
    text = f"ImageJ=1.53t\nimages=1\nunit={unit}\nloop=false\n"
    options: dict[str, Any] = {"resolution": (per_unit, per_unit), "resolutionunit": stated}
    write(tiff, description=text.encode(), **options)
    assert_size(tiff, "ImageJ unit")


def test_imagej_with_another_unit_down(tiff: Path) -> None:
    text = "ImageJ=1.53t\nunit=um\nyunit=mm\n"
    write(tiff, description=text, resolution=(4, 2000), resolutionunit="NONE")
    assert_size(tiff, "ImageJ unit", (0.25, 0.5))


def test_imagej_as_tifffile_writes_it(tiff: Path) -> None:
    tifffile.imwrite(tiff, RGB, imagej=True, resolution=(4, 4), metadata={"unit": "um"})
    assert_size(tiff, "ImageJ unit")


def test_ome_as_tifffile_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "image.ome.tif"
    sizes = {"PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.25}
    metadata = {"axes": "YXS", **sizes, "PhysicalSizeYUnit": "µm"}
    tifffile.imwrite(path, RGB, ome=True, photometric="rgb", metadata=metadata)
    assert_size(path, "OME-XML")
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_ome


def test_ndpi_tags_are_named(tiff: Path) -> None:
    """Hamamatsu's pixel size is in the resolution tags of its own format."""
    write(tiff, extratags=[(65420, "I", 1, 1, True), (65421, "f", 1, 40.0, True)])
    assert_size(tiff, "resolution tags of a Hamamatsu NDPI file")
