"""Nothing is read outside the input folder and nothing written outside the output folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from batch.folder import FolderSettings, process_folder
from batch.inputs import SLUG, find_images
from batch.layout import output_names
from model.hashes import file_sha256
from report.__main__ import main as report
from report.saved import load_output
from test.batch.builders import record
from test.model.builders import field, tiny_detector
from training.tiff import write_tiff

FIELD = field(size=(70, 80))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """input/, output/, and elsewhere/ with a valid image."""
    for name in ("input", "output", "elsewhere"):
        (tmp_path / name).mkdir()
    write_tiff(tmp_path / "elsewhere" / "private.tif", FIELD, 0.25)
    return tmp_path / "input", tmp_path / "output", tmp_path / "elsewhere"


def process(source: Path, output: Path) -> dict[str, str | None]:
    """The error of each image, or None."""
    process_folder(tiny_detector("none"), FolderSettings(source, output, record()))
    images = json.loads((output / "results.json").read_text())["images"]
    return {image["file"]: image["error"] for image in images}


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# -------------------------------------------------------------------------------------------- input


def test_links_out_of_the_input_are_refused_and_others_followed(
    folders: tuple[Path, Path, Path],
) -> None:
    source, output, elsewhere = folders
    write_tiff(source / "own.tif", FIELD, 0.25)
    (source / "absolute.tif").symlink_to(elsewhere / "private.tif")
    (source / "relative.tif").symlink_to("../elsewhere/private.tif")
    (source / "chain.tif").symlink_to("relative.tif")
    (source / "inside.tif").symlink_to("own.tif")
    (source / "there and back.tif").symlink_to("../input/own.tif")
    errors = process(source, output)
    refused = {name for name, error in errors.items() if error and "a link out of" in error}
    assert refused == {"absolute.tif", "relative.tif", "chain.tif"}
    assert all(error is None for name, error in errors.items() if name not in refused)
    for name in refused:
        (result,) = (output / Path(name).stem).iterdir()
        text = result.read_text()
        assert "private" not in text and file_sha256(elsewhere / "private.tif") not in text


def test_the_input_folder_itself_may_be_a_link(folders: tuple[Path, Path, Path]) -> None:
    """As on platforms that replace /input by a link for every call."""
    source, output, elsewhere = folders
    (source / "link").symlink_to(elsewhere)
    assert process(source / "link", output) == {"private.tif": None}


def test_a_slug_s_folder_that_is_a_link_elsewhere(folders: tuple[Path, Path, Path]) -> None:
    source, output, elsewhere = folders
    (source / "images").mkdir()
    (source / "images" / SLUG).symlink_to(elsewhere)
    (error,) = process(source, output).values()
    assert error is not None and error.startswith("a link out of the input folder: ")


@pytest.mark.parametrize("slug", ["../../elsewhere", "..", "/etc", "{elsewhere}", "a/../..", "\0"])
def test_inputs_json_leads_nowhere_else(folders: tuple[Path, Path, Path], slug: str) -> None:
    source, output, elsewhere = folders
    write_tiff(source / "own.tif", FIELD, 0.25)
    slug = slug.format(elsewhere=elsewhere)
    (source / "inputs.json").write_text(json.dumps([{"socket": {"slug": slug}}]))
    assert process(source, output) == {"own.tif": None}


# ------------------------------------------------------------------------------------------- output


STEMS = ("a..", "a...", " ", "-rf", "a\\b", "CON", "~", "$HOME", "%2e%2e%2f", "a\n..", "‮gpj", "*")


def test_stems_of_any_characters_stay_in_the_output(folders: tuple[Path, Path, Path]) -> None:
    source, output, elsewhere = folders
    before = files(elsewhere.parent)
    for stem in STEMS:
        (source / f"{stem}.tif").write_bytes(b"no image")
    errors = process(source, output)
    assert len(errors) == len(STEMS) and all(errors.values())
    for name in output_names(find_images(source).images):
        assert (output / name).resolve().parent == output.resolve()
        assert (output / name / "result.json").is_file()
    outside = {k: v for k, v in files(elsewhere.parent).items() if not k.startswith("output/")}
    assert {k: v for k, v in outside.items() if not k.startswith("input/")} == before


def test_a_folder_of_the_output_that_is_a_link_elsewhere(
    folders: tuple[Path, Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    source, output, elsewhere = folders
    for name in ("a.tif", "b.tif"):
        write_tiff(source / name, FIELD, 0.25)
    (elsewhere / "result.json").write_text("another's")
    (output / "a").symlink_to(elsewhere)
    before = files(elsewhere)
    errors = process(source, output)
    assert errors["b.tif"] is None
    assert errors["a.tif"] == "its folder in the output is a link elsewhere: remove the link"
    assert files(elsewhere) == before, "nothing is written or removed there"


def test_a_file_of_the_output_that_is_a_link_is_replaced(
    folders: tuple[Path, Path, Path],
) -> None:
    source, output, elsewhere = folders
    write_tiff(source / "a.tif", FIELD, 0.25)
    before = files(elsewhere)
    for name in ("result.json", "results.json", "mitotic-figures.json"):
        (output / name).symlink_to(elsewhere / "private.tif")
    assert process(source, output) == {"a.tif": None}
    assert files(elsewhere) == before
    assert not any(path.is_symlink() for path in output.iterdir())


@pytest.mark.parametrize("name", ["../elsewhere", "{elsewhere}", "linked", "a/../../elsewhere"])
def test_a_summary_that_names_a_folder_elsewhere(
    folders: tuple[Path, Path, Path], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m report` on untrusted results writes nothing outside their folder."""
    source, output, elsewhere = folders
    write_tiff(source / "a.tif", FIELD, 0.25)
    process(source, output)
    os.rename(output / "result.json", elsewhere / "result.json")
    (output / "linked").symlink_to(elsewhere)
    summary: Any = json.loads((output / "results.json").read_text())
    summary["images"][0]["folder"] = name.format(elsewhere=elsewhere)
    (output / "results.json").write_text(json.dumps(summary))
    before = files(elsewhere)
    with pytest.raises(ValueError, match="names a folder outside"):
        load_output(output)
    assert report([str(output)]) == 2
    assert "names a folder outside" in capsys.readouterr().err
    assert files(elsewhere) == before
