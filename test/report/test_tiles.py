"""Deep Zoom pyramids: put together again, the tiles are the image."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from batch.stale import remove_stale
from report import view
from report.__main__ import main
from report.regions import ArrayReader
from report.tiles import TILE as SIDE
from report.tiles import all_tiles, earlier_tiles, levels_of, write_tiles
from test.rendering import render_tissue
from test.report.builders import result_of, write_output


@pytest.mark.parametrize("size", [(1, 1), (300, 511), (1100, 513)])
def test_tiles_make_up_the_image(tmp_path: Path, size: tuple[int, int]) -> None:
    """Every level, each tile at its place, and each px shared by neighbours alike in both."""
    rows, columns = (np.linspace(0, 127, side) for side in size)
    pixels = np.repeat((rows[:, None] + columns)[..., None], 3, axis=2).astype(np.uint8)
    tiles = write_tiles(tmp_path / "a", ArrayReader(pixels), "0" * 64, all_tiles(size[::-1]))
    assert tiles.size_px == size[::-1] and tiles.levels == levels_of(size)
    for level in range(tiles.levels + 1):
        expected = Picture.fromarray(pixels)
        for _ in range(tiles.levels - level):
            expected = expected.reduce(2)
        seen = np.zeros((expected.height, expected.width), int)
        for path in (tmp_path / "a" / "image_files" / str(level)).iterdir():
            column, row = map(int, re.findall(r"\d+", path.stem))
            left, top = (max(at * SIDE - 1, 0) for at in (column, row))
            tile = np.asarray(Picture.open(path)).astype(int)
            part = np.s_[top : top + tile.shape[0], left : left + tile.shape[1]]
            assert tile.shape == np.asarray(expected)[part].shape
            if max(size) >> tiles.levels - level > 64:  # JPEG changes steep gradients more
                assert np.abs(tile - np.asarray(expected)[part]).max() <= 4
            seen[part] += 1
        assert seen.min() >= 1 and seen.max() <= 4
    assert (expected.width, expected.height) == size[::-1], "the last level is the image"


def test_complete_tiles_are_used_again(tmp_path: Path) -> None:
    pixels, _ = render_tissue((600, 600), figures=1, seed=1)
    folder = tmp_path / "a"
    wanted = all_tiles((600, 600))
    tiles = write_tiles(folder, ArrayReader(pixels), "a" * 64, wanted)
    assert earlier_tiles(folder, "a" * 64, wanted) == tiles
    assert earlier_tiles(folder, "b" * 64, wanted) is None, "another image"
    assert earlier_tiles(folder, "a" * 64, all_tiles((6000, 600))) is None, "too few"
    (folder / next(iter(tiles.files))).unlink()
    assert earlier_tiles(folder, "a" * 64, wanted) is None, "incomplete"
    assert [path.name for path in tmp_path.iterdir()] == ["a"], "nothing unfinished is left"


@pytest.fixture
def tiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output folder whose page has tiles."""
    monkeypatch.setattr(view, "EMBEDDED_PIXELS_A_PAGE", 1000)
    write_output(tmp_path, [result_of("a.tif"), result_of("b.tif")])
    assert main([str(tmp_path / "out"), "--report"]) == 0
    return tmp_path / "out"


def test_a_page_has_the_tiles_of_its_images(tiled: Path) -> None:
    (folder,) = (tiled / "report_files").iterdir()  # the two images are the same file
    index = json.loads((folder / "tiles.json").read_text())
    assert set(index["files"]) == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*.*")
    } - {"tiles.json"}
    assert folder.name in (tiled / "report.html").read_text()
    made = {path: path.stat().st_mtime_ns for path in folder.rglob("*.jpeg")}
    assert main([str(tiled), "--report"]) == 0
    assert made == {path: path.stat().st_mtime_ns for path in folder.rglob("*.jpeg")}


@pytest.mark.parametrize("known", [True, False])
def test_a_new_run_removes_unchanged_tiles(tiled: Path, known: bool) -> None:
    """Also those of a killed run, whose hash was not kept."""
    if not known:
        summary = tiled / "results.json"
        summary.write_text(json.dumps(json.loads(summary.read_text()) | {"files": {}}))
    unfinished = tiled / "report_files" / ".0123.x.part" / "0123" / "image.dzi"
    unfinished.parent.mkdir(parents=True)
    unfinished.touch()
    remove_stale(tiled)
    assert not (tiled / "report_files").exists()


def test_files_of_others_stay(tiled: Path, tmp_path: Path) -> None:
    (folder,) = (tiled / "report_files").iterdir()
    mine, changed = folder / "notes.txt", next(folder.rglob("*.jpeg"))
    mine.write_text("mine")
    changed.write_bytes(b"drawn upon")
    elsewhere = tmp_path / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    kept = {path for path in elsewhere.rglob("*") if path.is_file()}
    remove_stale(tiled)
    assert kept - set(elsewhere.rglob("*")) == set(), "outside the output folder"
    folder.unlink()
    elsewhere.rename(folder)
    remove_stale(tiled)
    left = {path for path in tiled.rglob("*") if path.is_file() and "report_files" in path.parts}
    assert left == {mine, changed}


def test_a_folder_of_that_name_is_set_aside(tiled: Path) -> None:
    (folder,) = (tiled / "report_files").iterdir()
    (folder / "tiles.json").write_text("{}")
    assert main([str(tiled), "--report"]) == 0
    assert (folder.with_name(f"{folder.name}.kept-1") / "tiles.json").read_text() == "{}"
    assert len(json.loads((folder / "tiles.json").read_text())["files"]) > 1
