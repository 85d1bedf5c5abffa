"""How many mitotic figures an image has, by area, and how much that depends on the threshold."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from batch.documents.base import Part

NotNegative = Annotated[int, Field(ge=0)] | Annotated[float, Field(ge=0)]


class Range(Part):
    """A number at the threshold of the run, and at the other two thresholds."""

    value: NotNegative = Field(description="at the threshold of the run")
    low: NotNegative = Field(description="at the upper threshold")
    high: NotNegative = Field(description="at the lower threshold")


class AreaCount(Part):
    """The mitotic figures of an area; densities refer to the tissue in it."""

    tissue_mm2: float = Field(ge=0, description="tissue area, mm²")
    figures: Range = Field(description="mitotic figures")
    per_mm2: Range | None = Field(description="per mm² of tissue")
    per_10_hpf: Range | None = Field(description="per ten high-power fields of tissue")


class HotspotCount(AreaCount):
    """The rectangle of at most 2 mm² with the most mitotic figures at the threshold of the run."""

    area_mm2: float = Field(ge=0, description="area of the rectangle, mm²")
    box_px: Annotated[tuple[float, float, float, float], Field(strict=False)] = Field(
        description="left, top, width, height, px"
    )


class Counts(Part):
    """Counts of the whole image and of its hotspot."""

    hpf_area_mm2: float = Field(gt=0, description="area of a high-power field, mm²")
    thresholds: Annotated[tuple[float, float], Field(strict=False)] = Field(
        description="lower, upper: odds divided and multiplied by five"
    )
    whole: AreaCount = Field(description="whole image")
    hotspot: HotspotCount = Field(description="rectangle of 2 mm² with the most mitotic figures")
