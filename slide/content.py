"""Files whose content is of another kind than their suffix says."""

from __future__ import annotations

from pathlib import Path

from slide.checks import EXPORT_AGAIN
from slide.image import ImageError

_TIFF = (".tif", ".tiff")
_JPEG = b"\xff\xd8\xff"
_READ = {  # by the first bytes: name and suffixes of kinds that are read
    b"II*\0": ("TIFF", _TIFF),
    b"MM\0*": ("TIFF", _TIFF),
    b"II+\0": ("TIFF", _TIFF),
    b"MM\0+": ("TIFF", _TIFF),
    b"\x89PNG\r\n\x1a\n": ("PNG", (".png",)),
    _JPEG: ("JPEG", (".jpg", ".jpeg", ".jfif")),
    b"ObjectType = Image": ("MetaImage", (".mha",)),
}
_CONVERT = "convert it to .tif"
_FETCH = "download it again"
_OTHERS = (  # bytes, after how many others, what it is, and the remedy
    (b"\x1f\x8b", 0, "a gzip archive", "unpack it"),
    (b"PK\3\4", 0, "a zip archive", "unpack it"),
    (b"version https://git-lfs", 0, "a pointer of Git LFS, without pixels", "run git lfs pull"),
    (b"<!DOCTYPE html", 0, "a web page", _FETCH),
    (b"<!doctype html", 0, "a web page", _FETCH),
    (b"<html", 0, "a web page", _FETCH),
    (b"%PDF", 0, "a PDF document", _CONVERT),
    (b"GIF8", 0, "a GIF file", _CONVERT),
    (b"RIFF", 0, "a WebP file", _CONVERT),
    (b"\0\0\0\x0cjP  ", 0, "a JPEG 2000 file", _CONVERT),
    (b"\xff\x4f\xff\x51", 0, "a JPEG 2000 stream", _CONVERT),
    (b"BM", 0, "a BMP file", _CONVERT),
    (b"ZISRAWFILE", 0, "a CZI file of Zeiss", _CONVERT),
    (b"ftyp", 4, "a HEIC, AVIF or MP4 file", _CONVERT),
    (b"DICM", 128, "a DICOM file", _CONVERT),
)
_TIFF_STARTS = tuple(start for start, (kind, _) in _READ.items() if kind == "TIFF")
_LONGEST = max(place + len(signature) for signature, place, _, _ in _OTHERS)


def check_content(path: Path) -> None:
    """Raise ImageError if the first bytes are known to be those of another kind of file.

    Those of a TIFF file have to be its own: tifffile would quote them.
    """
    start = _start(path)
    for signature, (kind, suffixes) in _READ.items():
        if start.startswith(signature) and path.suffix.lower() not in suffixes:
            raise ImageError(f"it is a {kind} file: rename it to {path.stem}{suffixes[0]}")
    for signature, place, kind, remedy in _OTHERS:
        if start.startswith(signature, place):
            raise ImageError(f"it is {kind}: {remedy}")
    if path.suffix.lower() in _TIFF and not start.startswith(_TIFF_STARTS):
        raise ImageError(f"not a TIFF file, or damaged: {EXPORT_AGAIN}")


def check_unknown_slide(path: Path) -> None:
    """Raise ImageError if a file that OpenSlide does not know cannot be another tiled TIFF file.

    tifffile takes a plain TIFF file with Hamamatsu's suffix for an empty one.
    """
    suffix, start = path.suffix.lower(), _start(path)
    if start.startswith(_TIFF_STARTS):
        if suffix == ".ndpi":
            raise ImageError(
                f"not a slide of Hamamatsu, or damaged: copy it again, or rename it to "
                f"{path.stem}.tif if it is another TIFF file"
            )
        return
    if suffix == ".mrxs" and start.startswith(_JPEG):
        raise ImageError(f"its folder {path.stem} is missing or damaged: copy both again")
    check_content(path)
    raise ImageError(f"not a slide, or damaged: {EXPORT_AGAIN}")


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LONGEST)
