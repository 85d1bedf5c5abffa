"""Manifests: what is understood, and a line for everything that is not, before the first image."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from batch.folder import FolderSettings, process_folder
from batch.manifest import MOST_SHOWN, ManifestError, Planned, read_manifest
from test.batch.builders import record
from test.model.builders import field, tiny_detector
from training.tiff import write_tiff


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Empty files with the names of images, in two folders."""
    for name in ("a.tif", "deep/b.tif", "c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"-")
    return tmp_path


def read(folder: Path, content: str | bytes) -> list[Planned]:
    path = folder / "list.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_manifest(path)


def problems(folder: Path, content: str | bytes) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        read(folder, content)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{folder / 'list.csv'}: ") for line in lines)
    return [line.removeprefix(f"{folder / 'list.csv'}: ") for line in lines]


def test_paths_start_at_the_manifest_and_keep_its_order(folder: Path) -> None:
    assert read(folder, "path\ndeep/b.tif\na.tif\n") == [
        Planned(folder / "deep" / "b.tif"),
        Planned(folder / "a.tif"),
    ]
    assert read(folder, f"path\n{folder}/a.tif") == [Planned(folder / "a.tif")]


@pytest.mark.parametrize(
    "content",
    [
        "path,mpp,group\na.tif,0.5,x y\ndeep/b.tif,,\n",
        "\ufeffpath;mpp;group\r\na.tif;0,5;x y\r\n\r\ndeep/b.tif\r\n",
        "Group\tPATH \tMpp\nx y\t a.tif\t0.5\n\tdeep/b.tif\t\n",
        "sep=;\r\npath;mpp;group\r\na.tif;0,5;x y\r\ndeep/b.tif\r\n",
        'path,mpp,group,\n"a.tif","0.5","x y",\n"deep/b.tif",,,\n',
    ],
    ids=["plain", "spreadsheet", "tabs", "marked", "quoted"],
)
def test_what_spreadsheets_write_is_understood(folder: Path, content: str) -> None:
    assert read(folder, content) == [
        Planned(folder / "a.tif", 0.5, "x y"),
        Planned(folder / "deep" / "b.tif"),
    ]


def test_png_needs_a_pixel_size(folder: Path) -> None:
    assert read(folder, "path,mpp\nc.png,0.25\n") == [Planned(folder / "c.png", 0.25)]
    (line,) = problems(folder, "path\nc.png\n")
    assert line.startswith(f"line 2: {folder}/c.png: its pixel size is not known")
    assert read_manifest(folder / "list.csv", with_mpp=True) == [Planned(folder / "c.png")]


def test_all_problems_are_listed_with_their_lines(folder: Path) -> None:
    content = (
        "path,mpp\na.tif,zero\nnone.tif,\n\n,0.5\ndeep,\na.tif,\ndeep/../a.tif,-1\n./a.tif,1\n"
    )
    assert problems(folder, content) == [
        "line 2: mpp 'zero' is not a number above 0 (µm per pixel)",
        f"line 3: {folder}/none.tif does not exist",
        "line 5: no path",
        f"line 6: {folder}/deep is not a file",
        "line 8: mpp '-1' is not a number above 0 (µm per pixel)",
        "line 9: ./a.tif is listed in line 7 already",
    ]


def test_many_problems_are_counted(folder: Path) -> None:
    lines = problems(folder, "path\n" + "".join(f"{n}.tif\n" for n in range(1000)))
    assert len(lines) == MOST_SHOWN + 1 and lines[-1] == "980 more such lines"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "line 1: the first line must name the columns"),
        ("a.tif\n", "line 1: the first line must name the columns"),
        ("path,mmp\na.tif,1\n", "line 1: unknown column 'mmp': rename or remove it"),
        ("path,Path\na.tif,a.tif\n", "line 1: a column is there twice"),
        ("path,mpp\na.tif,0.25,x\n", "line 2: more than the 2 cells of the first line"),
        ('path\n"a.tif\n', "line 2: unexpected end of data"),
        (
            'path,group\na.tif,"A\nb.tif,B\nc.tif,C"\n',
            "line 4: a cell with a line break: a quotation",
        ),
        ("path\n\n", "no image is listed"),
        (b"path\n\xe4.tif\n", "not text in UTF-8"),
        ("path\n" + "a" * 200_000, "line 2: field larger than field limit"),
        ("path\na\0b.tif\n", "line 2: "),
    ],
)
def test_what_is_not_a_manifest_is_refused(folder: Path, content: str | bytes, reason: str) -> None:
    (line,) = problems(folder, content)
    assert line.startswith(reason)


def test_a_manifest_that_is_missing_or_a_folder(folder: Path) -> None:
    for path in (folder / "none.csv", folder):
        with pytest.raises(ManifestError, match="no such file"):
            read_manifest(path)


# ------------------------------------------------------------------------------------------- a run


def run(manifest: Path, resume: bool = False) -> tuple[list[str], list[dict[str, Any]]]:
    """The failures, and the images of the summary."""
    output = manifest.parent / "out"
    settings = FolderSettings(Path("/nowhere"), output, record(), resume=resume, manifest=manifest)
    failures = process_folder(tiny_detector("none"), settings)
    return failures, json.loads((output / "results.json").read_text())["images"]


def test_each_image_has_its_pixel_size_and_group(tmp_path: Path) -> None:
    for name in ("z.tif", "there/z.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_tiff(tmp_path / name, field(size=(120, 150)), 0.3)
    write_tiff(tmp_path / "linked_to.tif", field(1, size=(120, 150)), 0.25)
    (tmp_path / "link.tif").symlink_to(tmp_path / "linked_to.tif")
    manifest = tmp_path / "list.csv"
    manifest.write_text("path,mpp,group\nz.tif,0.25,one\nthere/z.tif,0.5,two\nlink.tif,,\n")
    failures, images = run(manifest)
    assert failures == []
    assert [(i["file"], i["folder"], i["group"]) for i in images] == [
        ("z.tif", "z.tif", "one"),
        ("z.tif", "z.tif-2", "two"),
        ("link.tif", "link", None),
    ]
    results = [
        json.loads((tmp_path / "out" / i["folder"] / "result.json").read_text()) for i in images
    ]
    assert [r["pixel_size_um"][0] for r in results] == pytest.approx([0.25, 0.5, 0.25])
    assert [r["settings"]["mpp"] for r in results] == [0.25, 0.5, None]
    sources = ["manifest", "manifest", "resolution tags"]
    assert [r["pixel_size_source"] for r in results] == sources
    assert (
        "0.5 x 0.5 µm (manifest) replaces 0.3 x 0.3 µm (resolution tags)" in results[1]["warnings"]
    )


def test_resume_does_again_what_the_manifest_states_otherwise(tmp_path: Path) -> None:
    for name in "ab":
        write_tiff(tmp_path / f"{name}.tif", field(size=(120, 150)), 0.3)
    manifest = tmp_path / "list.csv"
    manifest.write_text("path,mpp\na.tif,0.25\nb.tif,0.25\n")
    run(manifest)
    before = {n: (tmp_path / "out" / n / "result.json").stat().st_mtime_ns for n in "ab"}
    manifest.write_text("path,mpp,group\nb.tif,0.5,new\na.tif,0.25,new\n")
    _, images = run(manifest, resume=True)
    after = {n: (tmp_path / "out" / n / "result.json").stat().st_mtime_ns for n in "ab"}
    assert after["a"] == before["a"] and after["b"] > before["b"]
    assert [(i["file"], i["group"]) for i in images] == [("b.tif", "new"), ("a.tif", "new")]


def test_a_wrong_manifest_changes_nothing(tmp_path: Path) -> None:
    manifest = tmp_path / "list.csv"
    write_tiff(tmp_path / "a.tif", field(size=(120, 150)), 0.25)
    manifest.write_text("path\na.tif\n")
    run(manifest)
    shutil.copytree(tmp_path / "out", tmp_path / "before")
    manifest.write_text("path\na.tif\ngone.tif\n")
    with pytest.raises(ManifestError, match="line 3"):
        run(manifest)
    for path in (tmp_path / "before").rglob("*"):
        assert (tmp_path / "out" / path.relative_to(tmp_path / "before")).exists()
