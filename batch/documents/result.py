"""`result.json`: what one image's run found, and how it was made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from batch.documents.base import Document, Part, Text, read_document
from batch.documents.counts import Counts
from model.adaptation.record import AdaptationRecord

HASH = "SHA-256, 64 hexadecimal digits"

Pair = Annotated[tuple[float, float], Field(strict=False)]  # JSON has lists


class Hash(Part):
    """Identifies a file by its content."""

    sha256: str | None = Field(description=f"{HASH}; null if no such file was used")


class Settings(Part):
    """The settings of the run, the same for every image."""

    model_config = ConfigDict(extra="allow")

    version: str = Field(description="version of this program")
    adaptation: str = Field(description="--adaptation")
    candidates: str = Field(description="--candidates")
    threshold: float = Field(ge=0, le=1, description="lowest probability of a mitotic figure")
    mpp: float | None = Field(gt=0, description="stated µm per pixel; null: from the file")
    output_format: str = Field(description="format of mitotic-figures.json: 2021, 2022 or 2025")
    epochs: int = Field(ge=1, description="passes over bank and image")
    learning_rate: float = Field(ge=0, description="learning rate of the adaptation")
    batch_size: int = Field(ge=1, description="bank entries and candidates per step")
    max_steps: int | None = Field(ge=1, description="limit of steps; null: none")
    reversal_weight: float = Field(ge=0, description="λ, weight of the reversed gradient")
    seed: int = Field(description="seed of the random order")
    device: str = Field(description="cpu or cuda")
    precision: str = Field(description="fp32 or bf16")
    time_budget: float | None = Field(
        gt=0, description="--time-budget, s per image; null: no limit"
    )
    diagnostics: bool = Field(False, description="whether the domain gap was measured")
    roi: str | None = Field(None, description="SHA-256 of the GeoJSON file of --roi")
    hpf_area: float = Field(0.237, gt=0, description="--hpf-area in mm²")


class Record(Part):
    """How the results of a run were made."""

    settings: Settings = Field(description="settings of the run")
    versions: dict[str, str] = Field(
        default_factory=dict, description="versions of Python and libraries"
    )
    weights: Hash = Field(description="the network's weights")
    source_bank: Hash = Field(description="the source bank")


class SourceFile(Part):
    """The file that an image was read from."""

    path: Text = Field(description="path, relative to the folder of result.json")
    bytes: int = Field(ge=0, description="file size")
    sha256: str = Field(description=HASH)


class Detection(Part):
    """A point that may be a mitotic figure."""

    x: float = Field(description="px to the right of the centre of the first pixel")
    y: float = Field(description="px below the centre of the first pixel")
    probability: float = Field(ge=0, le=1, description="score after adaptation")
    probability_without_adaptation: float = Field(
        ge=0, le=1, description="score of the shipped network"
    )


class SlideRecord(Part):
    """How a whole slide was read, tile by tile."""

    format: str = Field(description="OpenSlide's vendor name, tiff or ome-tiff")
    levels: int = Field(ge=1, description="number of pyramid levels")
    level: int = Field(ge=0, description="level that was read; 0: full resolution")
    tiles: int = Field(ge=0, description="number of tiles (2048 px) with tissue")
    blue_ratio_threshold: float | None = Field(
        description="lowest blue ratio of a candidate's pixels"
    )


class Tissue(Part):
    """How much tissue the image shows, and densities on it."""

    area_mm2: float = Field(ge=0, description="tissue area, mm²")
    share: float = Field(ge=0, le=1, description="tissue area over image area")
    mitotic_figures_per_mm2: float | None = Field(
        ge=0, description="mitotic figures per mm² of tissue"
    )


class RegionsOfInterest(Part):
    """What `--roi` restricts the result to."""

    polygons: int = Field(ge=1, description="number of polygons")
    area_mm2: float | None = Field(None, ge=0, description="total area, mm²")
    rings: list[list[list[Pair]]] | None = Field(
        None, description="of each polygon, px from the image's corner"
    )


class Verdict(Part):
    """Whether the image is fit for this detector. It warns, and refuses nothing."""

    usable: bool = Field(description="false: a reason below makes the result unreliable")
    reasons: list[str] = Field(description="findings, one sentence each")


class _Outcome(Document):
    file: Text = Field(description="name of the image file")
    status: Literal["ok", "failed"]
    error: Text | None
    warnings: list[Text] = Field(
        default_factory=list, description="what to know before using the result"
    )


class _Image(Record, _Outcome):
    """The fields of every image; this order of bases puts the outcome first."""


class ProcessedImage(_Image):
    """The result for an image that was processed."""

    status: Literal["ok"] = Field("ok", description="the image was processed")
    error: None = Field(None, description="always null")
    image: SourceFile = Field(description="the file that was read")
    size_px: Annotated[tuple[int, int], Field(strict=False)] = Field(
        description="width, height, px"
    )
    pixel_size_um: Pair = Field(description="pixel size in x, y, µm")
    pixel_size_source: str | None = Field(None, description="source of the pixel size")
    origin_mm: Pair = Field((0.0, 0.0), description="x, y of the first pixel's centre, mm")
    slide: SlideRecord | None = Field(None, description="how a whole slide was read")
    tissue: Tissue | None = Field(None, description="tissue in the image")
    regions: RegionsOfInterest | None = Field(
        None, description="--roi, to which all results refer; null: whole image"
    )
    counts: Counts | None = Field(None, description="counts by area")
    verdict: Verdict | None = Field(None, description="fitness of the image for this detector")
    candidates: int = Field(ge=0, description="number of candidates classified")
    threshold: float = Field(
        ge=0, le=1, description="lowest probability of a mitotic figure in this image"
    )
    detections: list[Detection] = Field(
        description="candidates of probability ≥ 0.01, highest first"
    )
    adaptation: AdaptationRecord = Field(description="what the adaptation did")
    figures: Hash = Field(description="the mitotic-figures.json of this result")
    seconds: dict[str, float] = Field(
        default_factory=dict, description="wall time of each stage and total, s"
    )

    @property
    def mitotic_figures(self) -> int:
        """Number of detections that reach the threshold. They come first."""
        return sum(d.probability >= self.threshold for d in self.detections)


class FailedImage(_Image):
    """The result for an image that could not be processed."""

    status: Literal["failed"] = Field("failed", description="the image was not processed")
    error: Text = Field(description="reason and remedy, one line")
    regions: RegionsOfInterest | None = Field(None, description="--roi; null: whole image")


ImageResult = ProcessedImage | FailedImage
IMAGE_RESULT: TypeAdapter[ImageResult] = TypeAdapter(
    Annotated[ImageResult, Field(discriminator="status")]
)


def read_result(path: Path) -> ImageResult:
    """Read a `result.json` of this version or of 0.1.0.

    Raises:
        OSError: the file cannot be read.
        DocumentError: it is not such a document.
    """
    return read_document(path, IMAGE_RESULT)
