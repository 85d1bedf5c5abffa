"""`inputs.json`: the grand-challenge platform's list of what it put into the input folder."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class Slug(BaseModel):
    """Name of an input as the platform spells it in paths."""

    model_config = ConfigDict(extra="ignore")

    slug: str = Field(description="name of the input's folder in images/")


class PlatformInput(BaseModel):
    """One input of the algorithm."""

    model_config = ConfigDict(extra="ignore")

    interface: Slug | None = Field(None, description="the input's description, until 2025")
    socket: Slug | None = Field(None, description="the input's description, from 2026 on")

    @property
    def slug(self) -> str:
        """The input's slug."""
        described = self.socket or self.interface
        if described is None:
            raise ValueError("an input without interface and socket")
        return described.slug


PlatformInputs = Annotated[list[PlatformInput], Field(description="the inputs of the algorithm")]
PLATFORM_INPUTS: TypeAdapter[list[PlatformInput]] = TypeAdapter(PlatformInputs)
