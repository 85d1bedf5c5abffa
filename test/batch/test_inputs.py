"""Which files are images: the platform's folders, anyone's folder, and their output's names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from batch.inputs import EMPTY, NO_MPP, SLUG, find_images, platform_slugs
from slide.read import FORMATS, NOT_READ, SUFFIXES, SUFFIXES_WITH_MPP

OTHER_FORMATS = (".bmp", ".jp2", ".czi", ".VSI", ".gif", ".webp", ".heic", ".dcm", "")


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"-")
    return folder


def names(folder: Path, with_mpp: bool = False) -> list[str]:
    return [path.name for path in find_images(folder, with_mpp).images]


def write_inputs(folder: Path, content: object) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "inputs.json").write_text(text)


# ------------------------------------------------------------------------------------------ folders


def test_images_in_the_order_of_their_names(tmp_path: Path) -> None:
    touch(tmp_path, "b.tiff", "c.MHA", "A.TIF", "a.tif", "d.Tiff")
    assert names(tmp_path) == ["A.TIF", "a.tif", "b.tiff", "c.MHA", "d.Tiff"]


def test_not_recursive(tmp_path: Path) -> None:
    touch(tmp_path, "a.tif", "deep/b.tif", "c.tif/d.tif", "images/other/e.tif")
    inputs = find_images(tmp_path)
    assert [path.name for path in inputs.images] == ["a.tif"]
    assert inputs.skipped == ["c.tif: a folder", "deep: a folder"]


def test_other_files_are_mentioned(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt", "a.tif", "photo.PNG", "scan.jpeg", "tif", "inputs.json")
    write_inputs(tmp_path, [])
    assert find_images(tmp_path).skipped == [
        f"notes.txt: {NOT_READ}",
        f"photo.PNG: {NO_MPP}",
        f"scan.jpeg: {NO_MPP}",
        f"tif: {NOT_READ}",
    ]


def test_png_and_jpeg_with_a_pixel_size(tmp_path: Path) -> None:
    touch(tmp_path, "a.tif", "b.png", "c.JPG", "d.jpeg", "e.gif")
    assert names(tmp_path, with_mpp=True) == ["a.tif", "b.png", "c.JPG", "d.jpeg"]


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        find_images(tmp_path / "nowhere")


def test_one_file(tmp_path: Path) -> None:
    path = touch(tmp_path, "a.tif", "b.tif") / "a.tif"
    assert find_images(path) == (path, [path], [])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.png", f"a.png: {NO_MPP}"),
        *((f"a{suffix}", f"a{suffix}: {NOT_READ}") for suffix in OTHER_FORMATS),
        ("card.json", f"card.json: {NOT_READ}"),
        ("a.btf", "a.btf: '.btf' is not a suffix that is read: rename it to a.tif"),
        ("a.JPE", "a.JPE: '.JPE' is not a suffix that is read: rename it to a.jpg"),
    ],
)
def test_one_file_of_another_kind(tmp_path: Path, name: str, reason: str) -> None:
    inputs = find_images(touch(tmp_path, name) / name)
    assert inputs.images == [] and inputs.why_empty().endswith(f": {reason}")


# ------------------------------------------------------------------------------ what systems leave


def test_companions_are_skipped_and_one_image_stays_one(tmp_path: Path) -> None:
    """From a Mac's USB stick, a Windows share, WSL and a client that has not synchronised yet."""
    touch(
        tmp_path,
        "a.tif",
        "._a.tif",
        ".DS_Store",
        "Thumbs.db",
        "~$a.tif",
        ".~lock.a.tif#",
        "desktop.ini",
        "a.tif:Zone.Identifier",
    )
    touch(tmp_path, ".hidden.tif")
    (tmp_path / "b.tif").touch()
    inputs = find_images(tmp_path)
    assert [path.name for path in inputs.images] == ["a.tif"]
    assert inputs.skipped == [
        ".DS_Store: a hidden or system file",
        "._a.tif: a hidden or system file",
        ".hidden.tif: a hidden or system file",
        ".~lock.a.tif#: a hidden or system file",
        "Thumbs.db: a hidden or system file",
        f"a.tif:Zone.Identifier: {NOT_READ}",
        f"b.tif: {EMPTY}",
        "desktop.ini: a hidden or system file",
        "~$a.tif: a hidden or system file",
    ]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([], f": put images there ({FORMATS})"),
        (["a.png"], f": a.png: {NO_MPP}"),
        (["notes.txt", "a.png", "b.jpg"], f": a.png: {NO_MPP} (2 such files)"),
        (["a.czi"], f": a.czi: {NOT_READ}"),
        (["a.txt", "b.bmp", "c.bmp"], f": b.bmp: {NOT_READ} (2 such files)"),
        (["notes.txt"], f": notes.txt: {NOT_READ}"),
    ],
)
def test_an_input_without_images_says_why(tmp_path: Path, files: list[str], reason: str) -> None:
    line = find_images(touch(tmp_path, *files)).why_empty()
    assert line == f"no image to process in {tmp_path}{reason}"


def test_the_formats_that_messages_name_are_read() -> None:
    plain, with_mpp = FORMATS.split("with --mpp")
    for text, suffixes in ((plain, SUFFIXES), (with_mpp, SUFFIXES_WITH_MPP)):
        named = re.findall(r"\.\w+", text)
        assert named and set(named) <= set(suffixes)


# ----------------------------------------------------------------------------------------- platform


@pytest.mark.parametrize("content", [None, [], "", "{", "[1]", "{}", [{"interface": None}]])
def test_the_challenge_s_folder_needs_no_inputs_json(tmp_path: Path, content: object) -> None:
    touch(tmp_path, f"images/{SLUG}/0a.tif")
    if content is not None:
        write_inputs(tmp_path, content)
    assert names(tmp_path) == ["0a.tif"]


@pytest.mark.parametrize("content", ["", "{", "[1]", [{"interface": None}], "null", b"\xff"])
def test_broken_inputs_json_is_mentioned(tmp_path: Path, content: object) -> None:
    touch(tmp_path, "a.tif")
    if isinstance(content, bytes):
        (tmp_path / "inputs.json").write_bytes(content)
    else:
        write_inputs(tmp_path, content)
    inputs = find_images(tmp_path)
    assert len(inputs.images) == 1
    (line,) = inputs.skipped
    assert line.startswith("inputs.json: cannot be understood (") and line.endswith(", not used")


@pytest.mark.parametrize("key", ["interface", "socket"])
def test_slug_of_either_year(tmp_path: Path, key: str) -> None:
    entry = {"image": {"name": "x"}, key: {"slug": "another-region", "kind": "Image"}}
    write_inputs(tmp_path, [entry])
    touch(tmp_path, "images/another-region/b.tif", f"images/{SLUG}/a.tif", "images/third/c.tif")
    assert names(tmp_path) == ["a.tif", "b.tif"]
    assert platform_slugs(tmp_path) == ([SLUG, "another-region"], None)


@pytest.mark.parametrize("slug", ["..", "../..", "/etc", "a/b", ""])
def test_slug_leads_nowhere_else(tmp_path: Path, slug: str) -> None:
    folder = tmp_path / "input"
    touch(tmp_path, "b.tif", "input/a.tif", "input/images/a/b/c.tif")
    write_inputs(folder, [{"socket": {"slug": slug}}])
    assert names(folder) == ["a.tif"]
