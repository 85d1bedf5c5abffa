"""Memory: limits of both kinds of control groups, and what a budget refuses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk

from slide.image import ImageError
from slide.memory import GIB, SHARE, MemoryBudget, available_memory
from slide.read import read_image
from test.slide.builders import HEIGHT, RGB, WIDTH, write_any_tiff
from training.tiff import write_tiff

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
NO_LIMIT = 9223372036854771712  # what version 1 says where there is none


def group(root: Path, line: str, **limits: str) -> Path:
    """A file system of a control group: its line, and limits by their path under sys/fs/cgroup."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(f"9:cpu,cpuacct:/a\n{line}\n")
    for path, content in limits.items():
        file = root / "sys/fs/cgroup" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{content}\n")
    return root


@pytest.mark.parametrize(
    ("line", "limits", "expected"),
    [
        ("0::/", {"memory.max": "1000000"}, 1000000),
        ("0::/", {"memory.max": "max"}, MACHINE),
        ("0::/", {}, MACHINE),
        ("0::/a/b", {"a/b/memory.max": "max", "a/memory.max": "5000", "memory.max": "9000"}, 5000),
        ("0::/a/b", {"a/b/memory.max": "4000", "a/memory.max": "5000"}, 4000),
        ("0::/host/only", {"memory.max": "7000"}, 7000),
        ("4:memory:/a", {"memory/a/memory.limit_in_bytes": "3000"}, 3000),
        ("4:memory:/docker/1f", {"memory/memory.limit_in_bytes": "2000"}, 2000),
        ("4:memory:/", {"memory/memory.limit_in_bytes": str(NO_LIMIT)}, MACHINE),
        ("4:cpuset,memory:/", {"memory/memory.limit_in_bytes": "6000"}, 6000),
        ("4:memory:/", {"memory/memory.limit_in_bytes": "no number"}, MACHINE),
    ],
)
def test_the_smallest_limit_of_a_group_and_those_above_it(
    tmp_path: Path, line: str, limits: dict[str, str], expected: int
) -> None:
    assert available_memory(group(tmp_path, line, **limits)) == int(expected * SHARE)


def test_without_control_groups_it_is_the_machine_s(tmp_path: Path) -> None:
    assert available_memory(tmp_path) == int(MACHINE * SHARE)
    assert 0 < available_memory() <= int(MACHINE * SHARE)


def test_a_budget_holds_in_each_stage() -> None:
    budget = MemoryBudget(4 * GIB, resting=GIB, working=2 * GIB, detecting=1)
    assert budget.refusal(3 * GIB, 2 * GIB) is None
    assert budget.refusal(3 * GIB + 1, 0) == "4.0 GiB of memory are needed, 4.0 allowed"
    assert budget.refusal(0, 3 * GIB) == "5.0 GiB of memory are needed, 4.0 allowed"


PIXELS = HEIGHT * WIDTH


def budget(limit: int, detecting: float = 2.25) -> MemoryBudget:
    """For pixels alone: nothing else takes memory."""
    return MemoryBudget(limit, resting=0, working=0, detecting=detecting)


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ({}, 3 + 2.25),
        ({"tile": (16, 16), "compression": "zlib"}, 3 + 2.25),
        ({"tile": (16, 16), "compression": "jpeg"}, 8),
        ({"resolution": (20000, 20000)}, 3 + 4 * (3 + 2.25)),
        ({"resolution": (80000, 80000)}, 4 + (3 + 1) / 4 + 1),
    ],
    ids=["strips", "tiles", "JPEG", "enlarged", "reduced"],
)
def test_memory_follows_from_the_header(tiff: Path, options: dict[str, Any], needed: float) -> None:
    write_any_tiff(tiff, RGB, photometric="rgb", **{"resolution": (40000, 40000)} | options)
    assert read_image(tiff, budget=budget(int(PIXELS * needed))).pixels.shape == RGB.shape
    with pytest.raises(ImageError, match=r"80x96 pixels: .* GiB of memory .*--max-memory.*cut out"):
        read_image(tiff, budget=budget(int(PIXELS * needed) - 1))


@pytest.mark.parametrize("suffix", ["mha", "png", "tif"])
def test_what_does_not_fit_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / f"image.{suffix}"
    if suffix == "tif":
        write_tiff(path, RGB, 0.25)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(RGB, isVector=True), str(path))

    def decode(*_: object, **__: object) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr("slide.itk.read_samples", decode)
    monkeypatch.setattr("slide.tiff.decode._by_tifffile", decode)
    with pytest.raises(ImageError, match=r"80x96 pixels: .*--max-memory"):
        read_image(path, 0.25, budget(PIXELS * 5))
