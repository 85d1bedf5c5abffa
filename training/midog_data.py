"""A choice of MIDOG data as training samples; a run keeps it, so later steps need only the run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evaluation.midog_json import read_annotations
from model.hashes import file_sha256
from training.compute import SINGLE_PROCESS, Compute
from training.midog import MidogImage, read_midog
from training.midog_split import report, split_images
from training.midog_store import Positives, StoredImage, collect_samples, store_images
from training.samples import Samples

STORE = Path("runs/midog_store")


@dataclass(frozen=True)
class MidogChoice:
    """Which data, and how they are used.

    Attributes:
        images, annotations, scanners, mpp: see `training.midog.read_midog`.
        store: folder for memory-mapped pixels and candidates.
        candidates: name of the candidates' settings.
        positives: which patches are mitotic, see `training.midog_store`.
        training_share: of each scanner's images (paper: 0.8).
        left_out: scanners that are not trained on.
        seed: of the split.
    """

    images: str
    annotations: str
    store: str
    scanners: str | None = None
    mpp: float | None = None
    candidates: str = "default"
    positives: Positives = "figures"
    training_share: float = 0.8
    left_out: tuple[str, ...] = ()
    seed: int = 0

    @classmethod
    def from_preset(cls, preset: dict[str, Any], options: argparse.Namespace) -> MidogChoice:
        """From a preset's table `midog` and the command line."""
        return cls(
            images=str(options.midog.resolve()),
            annotations=str(options.annotations.resolve()),
            store=str(options.store.resolve()),
            scanners=str(options.scanners.resolve()) if options.scanners else None,
            mpp=options.mpp,
            left_out=tuple(options.leave_out_scanner),
            **preset.get("midog", {}),
        )

    @classmethod
    def of_run(cls, summary: dict[str, Any]) -> MidogChoice:
        """That of a run, out of its `run.json`.

        Raises:
            ValueError: the run was not trained with --midog.
        """
        if "midog" not in summary:
            raise ValueError("the run was not trained with --midog")
        values = dict(summary["midog"])
        return cls(**values | {"left_out": tuple(values["left_out"])})

    def load(self, compute: Compute = SINGLE_PROCESS) -> MidogData:
        """The data, checked, split and in the store; what will be used is printed.

        Raises:
            MidogError: with every problem of the data.
        """
        scanners = Path(self.scanners) if self.scanners else None
        images = read_midog(Path(self.images), Path(self.annotations), scanners, self.mpp)
        training, validation = split_images(images, self.training_share, self.left_out, self.seed)
        if compute.first:
            print(report(images, training, validation), flush=True)
        return MidogData(self, images, training, validation, compute)


class MidogData:
    """The images of a choice, and samples of them."""

    def __init__(
        self,
        choice: MidogChoice,
        images: Sequence[MidogImage],
        training: Sequence[MidogImage],
        validation: Sequence[MidogImage],
        compute: Compute = SINGLE_PROCESS,
    ) -> None:
        self.choice = choice
        self.images = list(images)
        self.training = list(training)
        self.validation = list(validation)
        self.compute = compute
        self.domains = sorted({image.scanner for image in training})

    def stored(self, images: Sequence[MidogImage]) -> list[StoredImage]:
        """Images out of the store."""
        choice = self.choice
        return store_images(images, Path(choice.store), choice.candidates, choice.mpp, self.compute)

    def training_samples(self) -> Samples:
        """All patches of the training images."""
        return collect_samples(self.stored(self.training), self.domains, self.choice.positives)

    def validation_samples(self) -> Samples:
        """All patches of the validation images."""
        return collect_samples(self.stored(self.validation), self.domains, self.choice.positives)

    def about(self) -> dict[str, Any]:
        """What a run and its card say of the data."""
        file = read_annotations(Path(self.choice.annotations))
        return {
            "midog": asdict(self.choice),
            "data": {
                "set": file.description or "in MIDOG's form",
                "licence": ", ".join(file.licences) or "not stated",
                "annotations_sha256": file_sha256(Path(self.choice.annotations)),
                "candidates": self.choice.candidates,
                "positives": self.choice.positives,
                "left_out_scanners": list(self.choice.left_out),
                "split": f"by image, {self.choice.training_share:.0%} of each scanner's train",
                "scanners": {name: self._counts(name) for name in self.domains},
            },
        }

    def _counts(self, scanner: str) -> dict[str, Any]:
        counts: dict[str, Any] = {}
        for use, images in (("training", self.training), ("validation", self.validation)):
            here = [image for image in images if image.scanner == scanner]
            counts[use] = {
                "images": [image.slide for image in here],
                "mitotic_figures": sum(len(image.figures) for image in here),
                "hard_negatives": sum(len(image.others) for image in here),
            }
        return counts


def add_midog_options(parser: argparse.ArgumentParser) -> None:
    """The options that choose MIDOG data."""
    add = parser.add_argument_group(
        "MIDOG (2021, 2022, ++, 2025) and data of its form"
    ).add_argument
    add("--midog", type=Path, metavar="IMAGES", help="folder of the TIFF files")
    add("--annotations", type=Path, metavar="JSON", help="MIDOG's JSON, or a file like it")
    add(
        "--scanners",
        type=Path,
        metavar="CSV",
        help="id or file name in the first column, and a column `scanner`",
    )
    add("--mpp", type=float, metavar="UM", help="µm per pixel [as the files say]")
    add(
        "--store",
        type=Path,
        default=STORE,
        metavar="DIR",
        help="memory-mapped pixels and candidates, kept between runs [%(default)s]",
    )
    add(
        "--leave-out-scanner",
        nargs="*",
        default=[],
        metavar="SCANNER",
        help="scanners to leave out of training and validation",
    )
