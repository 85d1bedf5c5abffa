"""What is taken from a data folder: which crops, whole fields and domains."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.crops import AMI_BR, add_crops, crop_domains
from training.icpr_2012 import PARIS, SELECTION_SLIDES, add_fields
from training.samples import Samples
from training.tcga import Unlabelled, add_unlabelled_fields, unlabelled_domains


@dataclass(frozen=True)
class FolderChoice:
    """A choice of what a data folder holds: crops, whole fields and unlabelled fields.

    Attributes:
        crop_sets: which sets of crops, see `training.crops`.
        field_slides: whole-field slides, "A00" to "A02".
        field_figures: whether the whole fields give mitotic figures, or negatives only (a control).
        left_out_domain: domain of the crops that is left out.
        unlabelled: whether the fields of many hospitals join the scanner branch, as one domain or
            as one each (see `training.tcga`).
    """

    crop_sets: tuple[str, ...] = (AMI_BR,)
    field_slides: tuple[str, ...] = ()
    field_figures: bool = True
    left_out_domain: str | None = None
    unlabelled: Unlabelled = "none"

    @classmethod
    def from_preset(cls, preset: dict[str, Any], options: argparse.Namespace) -> FolderChoice:
        """From a preset and the command line of `training.train`."""
        slides = set(SELECTION_SLIDES) - set(options.leave_out) if preset["whole_fields"] else set()
        return cls(
            crop_sets=tuple(preset.get("crop_sets", (AMI_BR,))),
            field_slides=tuple(sorted(slides)),
            field_figures=not options.positives_from_crops_only,
            left_out_domain=options.leave_out_domain,
            unlabelled=preset.get("unlabelled", "none"),
        )

    @classmethod
    def of_run(cls, summary: dict[str, Any]) -> FolderChoice:
        """That of a run, from its `run.json`."""
        return cls(
            crop_sets=tuple(summary.get("crop_sets", (AMI_BR,))),
            field_slides=tuple(summary["whole_field_slides"]),
            field_figures=not summary["positives_from_crops_only"],
            left_out_domain=summary["left_out_domain"],
            unlabelled=summary.get("unlabelled", "none"),
        )

    @classmethod
    def of_card(cls, values: dict[str, Any]) -> FolderChoice:
        """That of released weights, from the content of their card."""
        data = values["data"]
        return cls(
            crop_sets=tuple(data.get("crop_sets", (AMI_BR,))),
            field_slides=tuple(data["training_slides"]),
        )

    @property
    def domains(self) -> list[str]:
        """Source domains, in the order of the scanner branch."""
        with_paris = bool(self.field_slides) and self.field_figures
        return [
            *crop_domains(self.crop_sets, self.left_out_domain),
            *([PARIS] if with_paris else []),
        ]

    def load(self, data: Path) -> Samples:
        """The training set.

        Args:
            data: the folder.

        Raises:
            ValueError: unlabelled domains are wanted and there are no fields.
        """
        samples = Samples(self.domains, unlabelled_domains(data, self.unlabelled))
        add_crops(samples, data, self.crop_sets)
        if self.field_slides:
            add_fields(samples, data, self.field_slides, figures_as_positives=self.field_figures)
        if self.unlabelled != "none":
            add_unlabelled_fields(samples, data)
        return samples

    def about(self) -> dict[str, Any]:
        """What `run.json` records of the data."""
        return {
            "crop_sets": list(self.crop_sets),
            "left_out_domain": self.left_out_domain,
            "whole_field_slides": list(self.field_slides),
            "positives_from_crops_only": not self.field_figures,
            "unlabelled": self.unlabelled,
        }
