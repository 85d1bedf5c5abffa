"""What `result.json` states about the adaptation to an image."""

from __future__ import annotations

from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field


class Check(BaseModel):
    """One check of the guard."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="which check")
    value: float | None = Field(description="what was measured; null where it could not be")
    limit: float = Field(description="limit of the value")
    passed: bool = Field(description="whether the adaptation may be used as far as this goes")
    words: str = Field(description="the finding in words")


class AdaptationRecord(BaseModel):
    """What the adaptation did to the network and to the scores of one image."""

    # Results of earlier versions hold more than this.
    model_config = ConfigDict(extra="ignore")

    name: str = Field(
        description="name of the adaptation",
        validation_alias=AliasChoices("name", "arm"),  # "arm" in version 0.1.0
    )
    fallback: str | None = Field(None, description="why the guard refused it; null where it passed")
    decision: str | None = Field(None, description="what the guard decided, in words")
    guard: list[Check] = Field(default_factory=list, description="the guard's checks")
    batch_norm: str | None = Field(None, description="training or frozen statistics")
    steps: int = Field(0, ge=0, description="steps of Adam that were taken")
    planned_steps: int | None = Field(None, description="steps of the whole schedule")
    source_entries: int | None = Field(None, description="bank entries adapted against")
    target_candidates: int | None = Field(None, description="candidates adapted to")
    scanner_chance: float | None = Field(
        None, description="accuracy of always choosing the most frequent scanner, 0 to 1"
    )
    diverged: bool = Field(False, description="whether a loss was not finite")
    drift: float | None = Field(
        None, description="length of the change of the adapted weights over their length"
    )
    drift_by_layer: dict[str, float] = Field(
        default_factory=dict, description="the same for each layer, and for batch norm statistics"
    )
    curve: dict[str, Any] = Field(
        default_factory=dict,
        description="losses and scanner accuracy, averaged over steps_a_point steps a point",
    )
    proxy_a_distance_before: float | None = Field(
        None, description="how well a linear probe separates image and source, 0 to 2"
    )
    proxy_a_distance_after: float | None = Field(None, description="the same after adaptation")
    scanner_accuracy_fitted: float | None = Field(
        None, description="accuracy of the scanner branch after it was fitted to image and bank"
    )
    log_odds_shift: float | None = Field(
        None, description="added to the log odds of all candidates; null without calibration"
    )
    share_changed: float | None = Field(
        None, description="share of the candidates that crossed the threshold, 0 to 1"
    )

    @property
    def complete(self) -> bool:
        """Whether every planned step was taken."""
        return self.planned_steps is None or self.steps >= self.planned_steps
