"""What `result.json` states about the adaptation to an image."""

from __future__ import annotations

from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field


class Check(BaseModel):
    """One check of the guard."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="name of the check")
    value: float | None = Field(description="measured value; null: not measurable")
    limit: float = Field(description="largest allowed value (for candidates, the smallest)")
    passed: bool = Field(description="whether the value keeps to the limit")
    words: str = Field(description="the finding in words")


class AdaptationRecord(BaseModel):
    """How the adaptation changed the network and the scores of one image."""

    # Results of earlier versions hold more than this.
    model_config = ConfigDict(extra="ignore")

    name: str = Field(
        description="name of the adaptation",
        validation_alias=AliasChoices("name", "arm"),  # "arm" in version 0.1.0
    )
    fallback: str | None = Field(None, description="why the guard rejected it; null: not rejected")
    decision: str | None = Field(None, description="the guard's decision in words")
    guard: list[Check] = Field(default_factory=list, description="the guard's checks")
    batch_norm: str | None = Field(None, description="batch norm statistics: training or frozen")
    steps: int = Field(0, ge=0, description="optimiser steps taken")
    planned_steps: int | None = Field(None, description="optimiser steps planned")
    source_entries: int | None = Field(None, description="bank entries used")
    target_candidates: int | None = Field(None, description="candidates used")
    scanner_chance: float | None = Field(
        None, description="accuracy of always naming the most frequent scanner, 0 to 1"
    )
    diverged: bool = Field(False, description="whether a loss was not finite")
    drift: float | None = Field(
        None, description="relative change of the adapted weights (L2 norm)"
    )
    drift_by_layer: dict[str, float] = Field(
        default_factory=dict, description="the same by layer, and of the batch norm statistics"
    )
    curve: dict[str, Any] = Field(
        default_factory=dict,
        description="losses and scanner accuracy; one point per steps_a_point steps",
    )
    proxy_a_distance_before: float | None = Field(
        None, description="how well a linear probe separates image and bank, 0 to 2"
    )
    proxy_a_distance_after: float | None = Field(None, description="the same after adaptation")
    scanner_accuracy_fitted: float | None = Field(
        None, description="accuracy of the scanner branch once fitted to image and bank"
    )
    log_odds_shift: float | None = Field(
        None, description="added to all log odds; null: not calibrated"
    )
    share_changed: float | None = Field(
        None, description="share of candidates that crossed the threshold, 0 to 1"
    )

    @property
    def complete(self) -> bool:
        """Whether every planned step was taken."""
        return self.planned_steps is None or self.steps >= self.planned_steps
