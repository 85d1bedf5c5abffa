"""The data model of MIDOG's annotation JSON, as pydantic checks it."""

import math
from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    PositiveInt,
)


def _as_key(value: Any) -> str:
    """An id as text: 1, 1.0 and "1" are the same id."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("neither a number nor a name")
    if isinstance(value, float):
        if not value.is_integer():
            raise ValueError("not a whole number")
        value = int(value)
    text = str(value).strip()
    return str(int(text)) if text.isascii() and text.isdecimal() else text


def pixel_size(value: Any) -> tuple[float, float]:
    """µm per pixel (x, y) out of one number or of two. Raises ValueError or TypeError."""
    x, y = value if isinstance(value, (list, tuple)) else (value, value)
    x, y = float(x), float(y)
    if not (0 < x < math.inf and 0 < y < math.inf):
        raise ValueError("not a length")
    return x, y


Key = Annotated[str, BeforeValidator(_as_key), Field(min_length=1)]
PixelSize = Annotated[tuple[float, float], BeforeValidator(pixel_size)]
Box = tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]


def _none_if_empty(value: Any) -> Any:
    return None if value == [] else value


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


class Info(_Entry):
    """What the file says about itself."""

    description: str | None = None


class Licence(_Entry):
    """A licence of the images."""

    name: str | None = None


class ImageEntry(_Entry):
    """An image; width and height in px, mpp in µm per pixel."""

    id: Key
    file_name: str = Field(min_length=1)
    width: PositiveInt | None = None
    height: PositiveInt | None = None
    slide: str | None = None
    tissue: str | None = None
    domain: str | None = Field(None, validation_alias=AliasChoices("domain", "scanner"))
    mpp: PixelSize | None = None


class Category(_Entry):
    """A kind of cell."""

    id: Key
    name: str


class Annotation(_Entry):
    """A cell; bbox in px. A polygon of COCO's `segmentation` serves where there is no box."""

    image_id: Key
    category_id: Key
    id: Any = None
    bbox: Annotated[Box | None, BeforeValidator(_none_if_empty)] = None
    segmentation: Any = None
    area: float | None = None
    iscrowd: bool = False
    ignore: bool = False


class MidogJson(_Entry):
    """The whole file."""

    info: Info = Info()
    licenses: list[Licence] = []
    images: list[ImageEntry]
    categories: list[Category] | None = None
    annotations: list[Annotation]
