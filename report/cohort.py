"""One page that sums up many images, from `results.json` alone: totals, groups, a row an image."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from batch.documents import FolderEntry, FolderResults

HERE = Path(__file__).parent
MANY = 20  # images, from which the page of all images is hard to survey


class Group(NamedTuple):
    """The images of a group, or of the whole cohort.

    Attributes:
        name: as the manifest states it.
        images: how many there are.
        failed: how many of them failed.
        figures: mitotic figures of all.
        tissue_mm2: tissue of all.
        quartiles: of the figures per mm² of tissue of each image; empty without tissue.
    """

    name: str
    images: int
    failed: int
    figures: int
    tissue_mm2: float
    quartiles: list[float]


def is_cohort(summary: FolderResults) -> bool:
    """Whether the images are many, or in groups."""
    images = summary.images
    return len(images) > MANY or any(image.group is not None for image in images)


def cohort_page(summary: FolderResults) -> bytes:
    """The page in UTF-8, without scripts. Whatever comes from file names is escaped."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("cohort.html").render(
        images=summary.images,
        groups=groups(summary.images),
        copies=summary.copies,
        style=Markup((HERE / "page.css").read_text()),
    )
    return page.encode(errors="backslashreplace")


def groups(images: Sequence[FolderEntry]) -> list[Group]:
    """All images together first, then each group by its name, where there are any."""
    names = sorted({image.group for image in images if image.group is not None})
    members = [(name, [i for i in images if i.group == name]) for name in names]
    if members and (rest := [image for image in images if image.group is None]):
        members.append(("without group", rest))
    return [_group(name, of_it) for name, of_it in [("all images", list(images)), *members]]


def _group(name: str, images: Sequence[FolderEntry]) -> Group:
    counted = [image.counts.whole for image in images if image.counts is not None]
    densities = [count.per_mm2.value for count in counted if count.per_mm2 is not None]
    cuts = statistics.quantiles(densities, method="inclusive") if len(densities) > 1 else densities
    return Group(
        name=name,
        images=len(images),
        failed=sum(image.status == "failed" for image in images),
        figures=sum(image.mitotic_figures for image in images),
        tissue_mm2=sum(count.tissue_mm2 for count in counted),
        quartiles=[float(cut) for cut in cuts],
    )
