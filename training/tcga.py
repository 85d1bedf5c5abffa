"""Data set adapter: unlabelled fields of many hospitals (TCGA, as in MoNuSeg).

A data folder holds `fields_tcga/images`. The first part of a file name after "TCGA-" is the code of
the hospital that sent the tissue. Nobody has annotated mitotic figures: nearly all candidates are
negatives, so they join the scanner branch as negatives and take no part in the class loss.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from model.candidates import find_candidates
from training.samples import Samples, SourceImage, read_rgb

GROUP = "tcga"
Unlabelled = Literal["none", "grouped", "each"]  # one domain of all hospitals, or one each


def field_paths(data: Path) -> list[Path]:
    """The fields of a data folder, in the order of their names."""
    return sorted((data / "fields_tcga" / "images").glob("*.jpg"))


def unlabelled_domains(data: Path, unlabelled: Unlabelled) -> list[str]:
    """Names of the domains: none, "tcga", or "tcga_18" and so on.

    Raises:
        ValueError: unlabelled domains are wanted and there are no fields.
    """
    if unlabelled == "none":
        return []
    hospitals = sorted({_hospital(path) for path in field_paths(data)})
    if not hospitals:
        raise ValueError(f"{data / 'fields_tcga' / 'images'} has no fields (*.jpg)")
    return [GROUP] if unlabelled == "grouped" else hospitals


def add_unlabelled_fields(samples: Samples, data: Path) -> None:
    """Add the candidates of all fields to the unlabelled domains that the samples name."""
    for path in field_paths(data):
        hospital = _hospital(path)
        domain = GROUP if GROUP in samples.unlabelled_domains else hospital
        image = SourceImage(read_rgb(path), path.name, hospital, domain)
        samples.add(image, find_candidates(image.pixels), mitotic=False)


def _hospital(path: Path) -> str:
    return f"{GROUP}_{path.stem.split('-')[1].lower()}"
