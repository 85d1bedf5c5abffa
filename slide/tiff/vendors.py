"""Pixel sizes in the fields of programs and scanners: OME-XML, ImageJ, Aperio, Philips, libvips.

A field describes the image it was written for. Tools that shrink an image often keep the text, so
a field that states another size in px, of the same shape, is not used.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from xml.etree import ElementTree

import tifffile

from slide.pixel_size import Statement
from slide.tiff.resolution import resolution

_MAX_XML = 1 << 24  # characters: an OME-XML of a thousand planes has less than a million
_MICRO = ("µ", "μ", "u", r"\u00B5", r"\u00b5")
_MILLIMETRES: dict[str, float] = {
    **{f"{micro}m": 1e-3 for micro in _MICRO},
    **dict.fromkeys(("micron", "micrometer", "micrometre"), 1e-3),
    **dict.fromkeys(("microns", "micrometers", "micrometres"), 1e-3),
    "pm": 1e-9, "nm": 1e-6, "mm": 1.0, "cm": 10.0, "m": 1000.0, "Å": 1e-7,
    "in": 25.4, "inch": 25.4,
}  # fmt: skip
_LIBVIPS = "http://www.vips.ecs.soton.ac.uk/"  # begins the XML's namespace
ANOTHER_SIZE = "it describes an image of another size"


def _ome(page: tifffile.TiffPage) -> Statement | None:
    """PhysicalSizeX and Y of the image of this size, in µm unless a unit is stated."""
    source, text = "OME-XML PhysicalSize", page.parent.pages.first.description
    if re.search(r"<(\w+:)?OME[\s>]", text) is None:
        return None
    root = _xml(text)
    if root is None:
        return Statement(source, None, "the XML is damaged")
    described = [e for e in root.iter() if e.tag.rpartition("}")[2] == "Pixels"]
    sized = [e for e in described if e.get("PhysicalSizeX") or e.get("PhysicalSizeY")]
    if not sized:
        return None
    size = page.imagewidth, page.imagelength
    usable = [e for e in sized if not _is_reduced(size, _ome_size(e))]
    if not usable:
        return Statement(source, None, ANOTHER_SIZE)
    exact = [e for e in usable if _ome_size(e) == size]
    sizes = {(_ome_axis(e, "X"), _ome_axis(e, "Y")) for e in exact or usable}
    if len(sizes) > 1:
        return Statement(source, None, f"{len(sizes)} images of different pixel sizes")
    ((x, y),) = sizes
    if x is None or y is None:
        axis = "X" if x is None else "Y"
        return Statement(source, None, _ome_problem((exact or usable)[0], axis))
    return Statement(source, (x, y))


def _ome_size(pixels: ElementTree.Element) -> tuple[int, int] | None:
    return _pair(pixels.get("SizeX"), pixels.get("SizeY"))


def _ome_axis(pixels: ElementTree.Element, axis: str) -> float | None:
    value = positive_number(pixels.get(f"PhysicalSize{axis}"))
    unit = _millimetres(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
    return None if value is None or unit is None else value * unit


def _ome_problem(pixels: ElementTree.Element, axis: str) -> str:
    """Why the pixel size of this axis, "X" or "Y", is not known."""
    name = f"PhysicalSize{axis}"
    value = pixels.get(name)
    if value is None:
        return f"{name} is missing"
    if positive_number(value) is None:
        return f"{name} is {ascii(value)[:20]}, not a positive number"
    return f"{name}Unit {ascii(pixels.get(f'{name}Unit'))[:20]} is not known"


def _imagej(page: tifffile.TiffPage) -> Statement | None:
    """XResolution and YResolution in pixels per unit of ImageJ's description."""
    if not page.description.startswith("ImageJ="):
        return None
    names = dict(re.findall(r"^(y?unit)=(.*?)\s*$", page.description, re.MULTILINE))
    x_unit = _millimetres(names.get("unit", ""))
    y_unit = _millimetres(names["yunit"]) if "yunit" in names else x_unit
    if x_unit is None or y_unit is None:
        return None
    try:
        x, y = (resolution(page, axis) for axis in "XY")
    except ValueError:
        return None  # the resolution tags' own statement says why
    if x is None or y is None:
        return None
    return Statement("ImageJ unit", (x_unit * x[1] / x[0], y_unit * y[1] / y[0]))


def _aperio(page: tifffile.TiffPage) -> Statement | None:
    """MPP, µm per pixel at full resolution, of Aperio's ImageDescription."""
    source, text = "Aperio MPP", page.description
    if not text.startswith("Aperio"):
        return None
    found = set(re.findall(r"\|\s*MPP\s*=\s*([^|\s]+)", text, re.IGNORECASE))
    if not found:
        return None
    if len(found) > 1:
        return Statement(source, None, "it is stated more than once")
    (stated,) = found
    mpp = positive_number(stated.replace(",", "."))
    if mpp is None:
        return Statement(source, None, f"{ascii(stated)[:20]} is not a positive number")
    if describes_another_size(text, (page.imagewidth, page.imagelength)):
        return Statement(source, None, ANOTHER_SIZE)
    found_power = re.search(r"\|\s*AppMag\s*=\s*([^|\s]+)", text, re.IGNORECASE)
    power = positive_number(found_power[1].replace(",", ".")) if found_power else None
    return Statement(source, (mpp / 1000, mpp / 1000), magnification=power)


def describes_another_size(text: str, size: tuple[int, int]) -> bool:
    """Whether Aperio's description is of the image at another scale than this (width, height)."""
    scanned = re.search(r"\[\d+,\s*\d+[,\s]+(\d+)x(\d+)\]", text)
    return scanned is not None and _is_reduced(size, _pair(scanned[1], scanned[2]))


def _philips(page: tifffile.TiffPage) -> Statement | None:
    """DICOM_PIXEL_SPACING, mm, of the finest level in Philips' XML."""
    source, text = "Philips DICOM_PIXEL_SPACING", page.parent.pages.first.description
    if "DPUfsImport" not in text:
        return None
    root = _xml(text)
    if root is None:
        return Statement(source, None, "the XML is damaged")
    values = [
        e.text or "" for e in root.iter("Attribute") if e.get("Name") == "DICOM_PIXEL_SPACING"
    ]
    spacings = [s for s in map(_dicom_pair, values) if s is not None]
    return Statement(source, min(spacings)) if spacings else None


def _dicom_pair(text: str) -> tuple[float, float] | None:
    """DICOM's order is rows, then columns: y, then x. Values are quoted: "0.00025" "0.00025"."""
    values = [positive_number(part) for part in text.replace('"', " ").split()]
    if len(values) != 2 or values[0] is None or values[1] is None:
        return None
    return values[1], values[0]


def _libvips(page: tifffile.TiffPage) -> Statement | None:
    """By openslide.mpp in libvips' XML, where the image is the slide at another scale.

    libvips keeps the resolution tags when it shrinks an image.
    """
    text = page.description
    root = _xml(text) if _LIBVIPS in text else None
    if root is None:
        return None
    values = {
        e.findtext("{*}name"): e.findtext("{*}value") for e in root.iterfind(".//{*}property")
    }
    slide = _pair(*(values.get(f"openslide.level[0].{side}") for side in ("width", "height")))
    x = positive_number(values.get("openslide.mpp-x"))
    y = positive_number(values.get("openslide.mpp-y")) or x
    size = page.imagewidth, page.imagelength
    if slide is None or x is None or y is None or not _is_reduced(size, slide):
        return None
    spacing = x / 1000 * slide[0] / size[0], y / 1000 * slide[1] / size[1]
    return Statement("libvips openslide.mpp", spacing)


def _is_reduced(size: tuple[int, int], described: tuple[int, int] | None) -> bool:
    """Whether a size is the described (width, height) at another scale, not a part of it."""
    if described is None or described == size:
        return False
    width, height = described
    return abs(size[0] * height / width - size[1]) <= 1 + height / width


def _xml(text: str) -> ElementTree.Element | None:
    """The root; None for damaged XML, and for XML that defines entities, which may expand."""
    if len(text) > _MAX_XML or "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None
    try:
        return ElementTree.fromstring(text.strip("\ufeff\0 \r\n"))
    except ElementTree.ParseError:
        return None


def _millimetres(unit: str) -> float | None:
    """Of a unit by its symbol, or by its name in any case; None if it is not known."""
    return _MILLIMETRES.get(unit, _MILLIMETRES.get(unit.lower()))


def positive_number(text: str | None) -> float | None:
    """A positive finite number; None for anything else."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _pair(width: str | None, height: str | None) -> tuple[int, int] | None:
    values = positive_number(width), positive_number(height)
    return None if values[0] is None or values[1] is None else (int(values[0]), int(values[1]))


VENDORS: tuple[Callable[[tifffile.TiffPage], Statement | None], ...] = (
    _ome, _imagej, _aperio, _philips, _libvips,
)  # fmt: skip
