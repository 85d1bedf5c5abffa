"""Names of the folders in the output."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch.layout import may_be_folder_of, output_names


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["a.tif"], [""]),
        (["a.tif", "b.mha"], ["a", "b"]),
        (["a.mha", "a.tif", "b.tif"], ["a.mha", "a.tif", "b"]),
        (["A.tif", "a.tiff"], ["A.tif", "a.tiff"]),
        (["slide.1.tif", "slide.2.tif"], ["slide.1", "slide.2"]),
        (["a.tif", "Report.html.tif"], ["a", "Report.html.tif"]),
        (["a.tif", "detections.csv.tif"], ["a", "detections.csv.tif"]),
        (["report_files.tif", "b.tif"], ["report_files.tif", "b"]),
    ],
)
def test_folder_of_each_image(files: list[str], expected: list[str]) -> None:
    images = [Path(file) for file in files]
    assert output_names(images) == expected
    assert all(may_be_folder_of(n, i.name) for n, i in zip(expected, images, strict=True))


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
    paths = [Path(file) for file in files]
    names = output_names(paths)
    assert all(may_be_folder_of(name, path.name) for name, path in zip(names, paths, strict=True))


@pytest.mark.parametrize("name", ["b", "a.tiff", "a-2", "none"])
def test_other_folders_are_not_an_image_s(name: str) -> None:
    assert not may_be_folder_of(name, "a.tif")


@pytest.mark.parametrize("name", ["..tif", "...tif"])
def test_folder_of_an_image_lies_in_the_output(name: str) -> None:
    assert output_names([Path("a.tif"), Path(name)]) == ["a", name]
