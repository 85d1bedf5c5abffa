"""`card.json`: what is known about a file of weights."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.adaptation.calibration import Calibration

SCHEMA_VERSION = "1"


class ScreenCard(BaseModel):
    """The screen that belongs to the weights (model/screen.py)."""

    model_config = ConfigDict(frozen=True)

    sha256: str = Field(description="SHA-256 of screen.safetensors, hexadecimal")
    limit: float = Field(description="log odds; a candidate with a lower estimate is rejected")


class Card(BaseModel):
    """The fields that the detector needs; others describe training and validation for readers."""

    model_config = ConfigDict(extra="allow", frozen=True)

    schema_version: str = Field(SCHEMA_VERSION, description="version of this form")
    sha256: str = Field(description="SHA-256 of weights.safetensors, hexadecimal")
    domains: list[str] = Field(description="source domains in the order of the scanner branch")
    threshold: float = Field(
        ge=0, le=1, description="probability from which a detection is a mitotic figure"
    )
    reversal_weight: float = Field(ge=0, description="lambda of the training")
    calibration: Calibration | None = Field(
        None, description="of the scores to an image; null where there is none"
    )
    screen: ScreenCard | None = Field(
        None, description="of the candidates; null where the network sees all of them"
    )
    candidates: str = Field("default", description="settings for candidates used in training")

    @property
    def values(self) -> dict[str, Any]:
        """All fields, as plain values."""
        return self.model_dump(mode="json")


def one_line(error: Exception) -> str:
    """An error on one line; of a validation error, the first place and its reason."""
    if not isinstance(error, ValidationError):
        return " ".join(str(error).split())
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"])) or "document"
    return f"{place}: {first['msg']}"
