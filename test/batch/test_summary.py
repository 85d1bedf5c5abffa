from collections.abc import Mapping
from pathlib import Path

from batch.outcome import Outcome
from batch.summary import Summary
from test.batch.builders import processed


def copies(output: Path, images: Mapping[str, tuple[str, ...]]) -> list[list[str]]:
    """The groups of images with these identities; the file of a folder "x/a.tif" is "a.tif"."""
    summary = Summary(output, dict.fromkeys(images, None))
    for folder, identities in images.items():
        entry = Outcome.of(processed(folder.split("/")[-1]), folder).entry
        summary.add(Outcome(entry, None, identities))
    return summary.copies()


def test_images_that_share_an_identity_are_copies(tmp_path: Path) -> None:
    images = {"c": ("3",), "b": ("1", "x"), "d": (), "a": ("1", "x"), "e": ("5",), "f": ("5", "y")}
    assert copies(tmp_path, images) == [["a", "b"], ["e", "f"]]


def test_a_group_is_named_once_and_whole(tmp_path: Path) -> None:
    """Two files are identical, and a third shows the same image."""
    images = {"a": ("1", "x"), "b": ("1", "x"), "a.png": ("2", "x")}
    assert copies(tmp_path, images) == [["a", "a.png", "b"]]


def test_files_of_one_name(tmp_path: Path) -> None:
    assert copies(tmp_path, {"1/a.tif": ("1",), "2/a.tif": ("1",)}) == [["a.tif", "a.tif"]]
