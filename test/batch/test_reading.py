"""How the images of a run are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch.reading import BYTES_AHEAD, Reading
from slide.image import ImageError
from slide.memory import MemoryBudget
from test.model.builders import field
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
