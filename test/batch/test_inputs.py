"""Which files are images: the platform's folders, anyone's folder, and their output's names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from batch.inputs import SLUG, find_images, output_names, platform_slugs


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
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
    assert inputs.passed_over == ["c.tif: a folder", "deep: a folder"]


def test_other_files_are_mentioned(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt", "a.tif", "photo.PNG", "scan.jpeg", "tif", "inputs.json")
    write_inputs(tmp_path, [])
    assert find_images(tmp_path).passed_over == [
        "notes.txt: no .tif, .tiff or .mha file",
        "photo.PNG: give its pixel size with --mpp to include it",
        "scan.jpeg: give its pixel size with --mpp to include it",
        "tif: no .tif, .tiff or .mha file",
    ]


def test_png_and_jpeg_with_a_pixel_size(tmp_path: Path) -> None:
    touch(tmp_path, "a.tif", "b.png", "c.JPG", "d.jpeg", "e.gif")
    assert names(tmp_path, with_mpp=True) == ["a.tif", "b.png", "c.JPG", "d.jpeg"]


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        find_images(tmp_path / "nowhere")
    with pytest.raises(NotADirectoryError, match=r"a\.tif"):
        find_images(touch(tmp_path, "a.tif") / "a.tif")


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
    (line,) = inputs.passed_over
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


# ------------------------------------------------------------------------------------- output names


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["a.tif"], [""]),
        (["a.tif", "b.mha"], ["a", "b"]),
        (["a.mha", "a.tif", "b.tif"], ["a.mha", "a.tif", "b"]),
        (["A.tif", "a.tiff"], ["A.tif", "a.tiff"]),
        (["slide.1.tif", "slide.2.tif"], ["slide.1", "slide.2"]),
    ],
)
def test_folder_of_each_image(files: list[str], expected: list[str]) -> None:
    assert output_names([Path(file) for file in files]) == expected


@pytest.mark.parametrize(
    "files",
    [
        ["a.tif", "a.tif.tif", "a.tiff"],
        ["in/a.tif", "in/images/a.tif"],
        ["A.TIF", "a.tif"],
        ["a.tif", "results.json.tif"],
        ["in/a.tif", "in/images/a.tif", "a.tif-2.tif"],
    ],
)
def test_no_two_images_share_a_folder(files: list[str]) -> None:
    """Nor, on a file system that ignores case, with the summary."""
    found = [name.casefold() for name in output_names([Path(file) for file in files])]
    assert len({*found, "results.json"}) == len(files) + 1
    assert all(found)


@pytest.mark.parametrize("name", ["..tif", "...tif"])
def test_folder_of_an_image_lies_in_the_output(name: str) -> None:
    assert output_names([Path("a.tif"), Path(name)]) == ["a", name]
