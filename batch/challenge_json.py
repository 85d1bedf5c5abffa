"""`mitotic-figures.json`: the detections in the format of each year of the MIDOG challenge."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Format = Literal["2021", "2022", "2025"]
FORMATS: tuple[Format, ...] = ("2021", "2022", "2025")
MITOTIC_FIGURE: Final = "mitotic figure"
NON_MITOTIC_FIGURE: Final = "non-mitotic figure"


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class Version(_Strict):
    """Version of the platform's format."""

    major: Literal[1]
    minor: Literal[0]


class Point(_Strict):
    """A mitotic figure, 2021."""

    point: Annotated[tuple[float, float, float], Field(strict=False)] = Field(
        description="x, y and z = 0 in mm, world coordinates"
    )


class NamedPoint(Point):
    """A detection with its score, 2022 and 2025."""

    name: Literal["mitotic figure", "non-mitotic figure"]
    probability: float = Field(ge=0, le=1)


class Figures2021(_Strict):
    """Mitotic figures only: that year's scorer counts every point."""

    type: Literal["Multiple points"]
    points: list[Point]
    version: Version


class Figures2022(_Strict):
    """All detections; the name states which of them are mitotic figures."""

    type: Literal["Multiple points"]
    points: list[NamedPoint]
    version: Version


class Figures2025(Figures2022):
    """As 2022, with a name for the file."""

    name: Literal["Points of interest"]


FIGURES: dict[Format, type[BaseModel]] = {
    "2021": Figures2021,
    "2022": Figures2022,
    "2025": Figures2025,
}
ANY_FIGURES: TypeAdapter[Figures2021 | Figures2022 | Figures2025] = TypeAdapter(
    Figures2021 | Figures2022 | Figures2025
)


def mitotic_figures(
    points: np.ndarray, probabilities: np.ndarray, threshold: float, output_format: Format = "2025"
) -> dict[str, Any]:
    """The content of `mitotic-figures.json`.

    Args:
        points: (n, 2) x, y in mm, world coordinates.
        probabilities: (n,) in 0..1.
        threshold: probability from which a point is called a mitotic figure.
        output_format: "2021" lists mitotic figures only, because its scorer counts every point;
            "2022" and "2025" list all points with a name and a probability.

    Raises:
        ValueError: a value is not finite.
    """
    if not (np.isfinite(points).all() and np.isfinite(probabilities).all()):
        raise ValueError("detections hold values that are not finite")
    named = [
        _named_point(x, y, probability, threshold)
        for (x, y), probability in zip(points, probabilities, strict=True)
    ]
    if output_format == "2021":
        named = [{"point": p["point"]} for p in named if p["name"] == MITOTIC_FIGURE]
    content = {"type": "Multiple points", "points": named, "version": {"major": 1, "minor": 0}}
    return {"name": "Points of interest", **content} if output_format == "2025" else content


def _named_point(x: float, y: float, probability: float, threshold: float) -> dict[str, Any]:
    return {
        "name": MITOTIC_FIGURE if probability >= threshold else NON_MITOTIC_FIGURE,
        "point": [float(x), float(y), 0.0],
        "probability": float(probability),
    }
