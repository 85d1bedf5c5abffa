"""How the images of a run are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch.reading import BYTES_AHEAD, Reading
from slide.image import ImageError
from slide.memory import MemoryBudget
from test.model.builders import field
from test.slide.slides import write_slide
from training.tiff import write_tiff


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "a.tif"
    path.parent.mkdir()
    write_tiff(path, field(size=(120, 150)), 0.25)
    return path


def test_an_image(path: Path) -> None:
    image = Reading(path.parent, mpp=0.26).read(path)
    assert image.size == (150, 120) and image.mpp == pytest.approx((0.26, 0.26))


def test_the_source_of_a_pixel_size_is_named(path: Path) -> None:
    reading = Reading(mpp=0.26, mpp_of={path: 0.3})
    image = reading.read(path)
    assert image.mpp_source == "manifest"
    assert image.warnings == ("0.3 x 0.3 µm (manifest) replaces 0.25 x 0.25 µm (resolution tags)",)
    assert Reading(mpp=0.26).read(path).mpp_source == "--mpp"
    assert Reading().read(path).mpp_source == "resolution tags"
    with pytest.raises(ImageError, match=r"is implausible .*: correct it \(manifest\)$"):
        Reading(mpp_of={path: 3.0}).read(path)


def test_the_source_of_a_slide_s_pixel_size_is_named(tmp_path: Path) -> None:
    path = write_slide(tmp_path / "a.svs", field(size=(300, 400)), "svs")
    slide = Reading(mpp_of={path: 0.3}).read(path)
    assert slide.mpp == pytest.approx((0.3, 0.3)) and slide.mpp_source == "manifest"


def test_a_link_out_of_the_folder(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "in" / "link.tif"
    link.symlink_to(path.rename(tmp_path / "elsewhere.tif"))
    with pytest.raises(ImageError, match="a link out of the input folder"):
        Reading(path.parent).read(link)
    assert Reading().read(link).size == (150, 120)


@pytest.mark.parametrize(("spare", "waits"), [(0, True), (-1, False)])
def test_an_image_is_read_ahead_where_memory_holds_both(
    path: Path, spare: int, waits: bool
) -> None:
    held, working = 3000, 500  # bytes; of the image at work another 2 a pixel
    limit = working + held + 1000 * 2 + 120 * 150 * BYTES_AHEAD + spare
    reading = Reading(budget=MemoryBudget(limit, 0, working, 2))
    assert reading.may_wait(path, held) is waits
    assert Reading().may_wait(path, held)
