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
_OTHERS = {  # by the first bytes: what it is, and the remedy
    b"\x1f\x8b": ("a gzip archive", "unpack it"),
    b"PK\3\4": ("a zip archive", "unpack it"),
    b"version https://git-lfs": ("a pointer of Git LFS, without pixels", "run git lfs pull"),
    b"<!DOCTYPE html": ("a web page", _FETCH),
    b"<!doctype html": ("a web page", _FETCH),
    b"<html": ("a web page", _FETCH),
    b"%PDF": ("a PDF document", _CONVERT),
    b"GIF8": ("a GIF file", _CONVERT),
    b"RIFF": ("a WebP file", _CONVERT),
    b"\0\0\0\x0cjP  ": ("a JPEG 2000 file", _CONVERT),
    b"\xff\x4f\xff\x51": ("a JPEG 2000 stream", _CONVERT),
    b"BM": ("a BMP file", _CONVERT),
    b"ZISRAWFILE": ("a CZI file of Zeiss", _CONVERT),
}
_OTHERS_INSIDE = (  # the same by bytes behind so many others
    (4, b"ftyp", ("a HEIC, AVIF or MP4 file", _CONVERT)),
    (128, b"DICM", ("a DICOM file", _CONVERT)),
)
_TIFF_STARTS = tuple(start for start, (kind, _) in _READ.items() if kind == "TIFF")
_LONGEST = 132  # bytes: all of the above


def check_content(path: Path) -> None:
    """Raise ImageError if the first bytes are known to be those of another kind of file.

    Those of a TIFF file have to be its own: tifffile would quote them.
    """
    start = _start(path)
    for signature, (kind, suffixes) in _READ.items():
        if start.startswith(signature) and path.suffix.lower() not in suffixes:
            raise ImageError(f"it is a {kind} file: rename it to {path.stem}{suffixes[0]}")
    others = [(0, signature, found) for signature, found in _OTHERS.items()]
    for place, signature, (kind, remedy) in (*others, *_OTHERS_INSIDE):
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
