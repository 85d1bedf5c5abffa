"""Files whose content is of another kind than their suffix says."""

from __future__ import annotations

from pathlib import Path

from slide.image import ImageError

_READ = {  # by the first bytes: name and suffixes of kinds that are read
    b"II*\0": ("TIFF", (".tif", ".tiff")),
    b"MM\0*": ("TIFF", (".tif", ".tiff")),
    b"II+\0": ("TIFF", (".tif", ".tiff")),
    b"MM\0+": ("TIFF", (".tif", ".tiff")),
    b"\x89PNG\r\n\x1a\n": ("PNG", (".png",)),
    b"\xff\xd8\xff": ("JPEG", (".jpg", ".jpeg", ".jfif")),
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
}
_LONGEST = max(map(len, (*_READ, *_OTHERS)))


def check_content(path: Path) -> None:
    """Raise ImageError if the first bytes are known to be those of another kind of file."""
    with path.open("rb") as file:
        start = file.read(_LONGEST)
    for signature, (kind, suffixes) in _READ.items():
        if start.startswith(signature) and path.suffix.lower() not in suffixes:
            raise ImageError(f"it is a {kind} file: rename it to {path.stem}{suffixes[0]}")
    for signature, (kind, remedy) in _OTHERS.items():
        if start.startswith(signature):
            raise ImageError(f"it is {kind}: {remedy}")
