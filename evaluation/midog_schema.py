"""The data model of MIDOG's annotation JSON; as a program, prints its JSON Schema."""

import json
from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)

MOST_PIXELS = 1e7  # no image is larger
# Fields and attributes of annotations (CVAT, Label Studio) that, if set, say: not one cell.
UNUSABLE = "iscrowd", "ignore", "deleted", "outside", "was_cancelled"


def _as_key(value: Any) -> str:
    """An id as text: 1, 1.0 and "1" are the same id."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("neither a number nor a name")
    if isinstance(value, float):
        if not value.is_integer():
            raise ValueError("not a whole number")
        value = int(value)
    text = str(value).strip()
    if not text:
        raise ValueError("empty")
    return str(int(text)) if text.isascii() and text.isdecimal() else text


def _as_pair(value: Any) -> Any:
    """x and y, which may be given as one number."""
    return value if isinstance(value, (list, tuple)) else (value, value)


def _none_if_empty(value: Any) -> Any:
    """None also for four zeros, which tools write where there is a polygon only."""
    return None if value in ([], [0, 0, 0, 0]) else value


Key = Annotated[
    str,
    BeforeValidator(_as_key, json_schema_input_type=int | str),
    Field(description='id, a number or a name; 1 and "1" are the same'),
]
Pixels = Annotated[int, Field(gt=0, le=MOST_PIXELS)]
Length = Annotated[float, Field(gt=0, lt=1000)]  # µm
PixelSize = Annotated[
    tuple[Length, Length],
    BeforeValidator(_as_pair, json_schema_input_type=Length | tuple[Length, Length]),
]
Coordinate = Annotated[float, Field(ge=-MOST_PIXELS, le=MOST_PIXELS, allow_inf_nan=False)]
Box = tuple[Coordinate, Coordinate, Coordinate, Coordinate]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


class Info(_Entry):
    """What the file says about itself."""

    description: str | None = Field(None, description="names the edition in MIDOG's own files")


class Licence(_Entry):
    """A licence of the images."""

    name: str | None = None


class ImageEntry(_Entry):
    """An image."""

    id: Key
    file_name: str = Field(min_length=1, description="folders in it are ignored for scoring")
    width: Pixels | None = Field(None, description="px; from the result where absent")
    height: Pixels | None = Field(None, description="px; from the result where absent")
    slide: str | None = Field(None, description="slide or case; the bootstrap draws slides")
    tissue: str | None = Field(None, description="the same for slides of the same tissue")
    domain: str | None = Field(
        None,
        validation_alias=AliasChoices("domain", "scanner"),
        description="scanner and laboratory",
    )
    mpp: PixelSize | None = Field(None, description="µm per pixel, one number or [x, y]")


class Category(_Entry):
    """A kind of cell."""

    id: Key
    name: str = Field(description="decides whether the category is the mitotic figure")
    supercategory: Any = Field(None, description="noted if it contradicts the name")


class Annotation(_Entry):
    """A cell."""

    model_config = ConfigDict(extra="allow")  # evaluation/unread_fields.py names what is not read

    image_id: Key
    category_id: Key
    id: Any = Field(None, description="for messages")
    bbox: Annotated[Box | None, BeforeValidator(_none_if_empty)] = Field(
        None, description="px; x1, y1, x2, y2 as in MIDOG, or x, y, width, height as in COCO"
    )
    segmentation: Any = Field(None, description="COCO's polygons, where there is no bbox")
    area: float | None = Field(None, description="px²; distinguishes the formats of bbox")
    iscrowd: bool = Field(False, description="groups of cells are refused")
    ignore: bool = Field(False, description="annotations to be ignored are refused")
    deleted: bool | None = Field(None, description="deleted annotations are refused")
    attributes: Any = Field(None, description="CVAT's; the same, if one is called so")


class MidogJson(_Entry):
    """An annotation file."""

    info: Info = Info()
    licenses: list[Licence] = []
    images: list[ImageEntry]
    categories: list[Category] | None = Field(
        None, description="where absent, id 1 is the mitotic figure and 2 a look-alike"
    )
    annotations: list[Annotation]


if __name__ == "__main__":
    print(json.dumps(MidogJson.model_json_schema(), indent=1, ensure_ascii=False))
