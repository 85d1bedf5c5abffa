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

    sha256: str | None = Field(description=f"{HASH}; null where no such file was used")


class Settings(Part):
    """How every image of the run was treated."""

    model_config = ConfigDict(extra="allow")

    version: str = Field(description="version of this program")
    adaptation: str = Field(description="name of the adaptation")
    candidates: str = Field(description="name of the candidates' settings")
    threshold: float = Field(
        ge=0, le=1, description="probability from which a detection is a mitotic figure"
    )
    mpp: float | None = Field(gt=0, description="--mpp in µm per pixel; null: the file's is used")
    output_format: str = Field(description="challenge year of mitotic-figures.json")
    epochs: int = Field(ge=1, description="passes of the adaptation over bank and image")
    learning_rate: float = Field(ge=0, description="of the adaptation")
    batch_size: int = Field(ge=1, description="entries and candidates in a step of the adaptation")
    max_steps: int | None = Field(ge=1, description="most steps; null: whole epochs")
    reversal_weight: float = Field(ge=0, description="weight of the reversed gradient, lambda")
    seed: int = Field(description="of the random order in the adaptation")
    device: str = Field(description="cpu or cuda")
    precision: str = Field(description="fp32 or bf16")
    time_budget: float | None = Field(gt=0, description="s per image; null: no limit")
    diagnostics: bool = Field(False, description="whether the domain gap was measured")
    roi: str | None = Field(None, description="SHA-256 of the file of --roi; null: none")
    hpf_area: float = Field(0.237, gt=0, description="--hpf-area in mm²")


class Record(Part):
    """How the results of a run were made."""

    settings: Settings = Field(description="how every image of the run was treated")
    versions: dict[str, str] = Field(
        default_factory=dict, description="versions of Python and libraries"
    )
    weights: Hash = Field(description="the network's weights")
    source_bank: Hash = Field(description="the source bank; null where none was used")


class SourceFile(Part):
    """The file that an image was read from."""

    path: Text = Field(description="place of the file, relative to the folder of result.json")
    bytes: int = Field(ge=0, description="size of the file, bytes")
    sha256: str = Field(description=HASH)


class Detection(Part):
    """A point that may be a mitotic figure."""

    x: float = Field(description="px from the centre of the leftmost pixels, to the right")
    y: float = Field(description="px from the centre of the topmost pixels, downwards")
    probability: float = Field(ge=0, le=1, description="score of the network after adaptation")
    probability_without_adaptation: float = Field(
        ge=0, le=1, description="score of the network as shipped"
    )


class SlideRecord(Part):
    """How a whole slide was read, tile by tile."""

    format: str = Field(description="vendor's format by OpenSlide, or tiff or ome-tiff")
    levels: int = Field(ge=1, description="levels of the pyramid")
    level: int = Field(ge=0, description="level that was read; 0 is the finest")
    tiles: int = Field(ge=0, description="tiles of 2048 px that contain tissue")
    blue_ratio_threshold: float | None = Field(
        description="blue ratio from which pixels are candidates; null without tissue"
    )


class Tissue(Part):
    """How much tissue the image shows, and densities on it."""

    area_mm2: float = Field(ge=0, description="area of tissue, mm²")
    share: float = Field(ge=0, le=1, description="share of the image that is tissue")
    mitotic_figures_per_mm2: float | None = Field(
        ge=0, description="mitotic figures per mm² of tissue; null without tissue"
    )


class RegionsOfInterest(Part):
    """What `--roi` restricts the result to."""

    polygons: int = Field(ge=1, description="how many were drawn")
    area_mm2: float = Field(ge=0, description="of all together, mm²")


class Verdict(Part):
    """Whether the image is fit for this detector. It warns, and refuses nothing."""

    usable: bool = Field(description="false where a reason below speaks against the result")
    reasons: list[str] = Field(description="what was noticed, one sentence each")


class _Outcome(Document):
    file: Text = Field(description="name of the image file")
    status: Literal["ok", "failed"]
    error: Text | None
    warnings: list[Text] = Field(
        default_factory=list, description="what a reader of the result should know, a line each"
    )


class _Image(Record, _Outcome):
    """The fields of every image; this order of bases puts the outcome first."""


class ProcessedImage(_Image):
    """The result for an image that was processed."""

    status: Literal["ok"] = Field("ok", description="the image was processed")
    error: None = Field(None, description="always null")
    image: SourceFile = Field(description="the file that was read")
    size_px: Annotated[tuple[int, int], Field(strict=False)] = Field(
        description="width and height, px"
    )
    pixel_size_um: Pair = Field(description="pixel size in x and y, µm")
    pixel_size_source: str | None = Field(
        None, description="where the pixel size was read; null where unknown"
    )
    origin_mm: Pair = Field((0.0, 0.0), description="centre of the first pixel, x and y, mm")
    slide: SlideRecord | None = Field(
        None, description="how a whole slide was read; null for an image read as a whole"
    )
    tissue: Tissue | None = Field(None, description="tissue in the image; null where not measured")
    regions: RegionsOfInterest | None = Field(
        None, description="what tissue, candidates and counts are of; null: the whole image"
    )
    counts: Counts | None = Field(None, description="counts by area; null where not measured")
    verdict: Verdict | None = Field(None, description="fitness; null where not measured")
    candidates: int = Field(ge=0, description="places that the network was asked about")
    threshold: float = Field(
        ge=0, le=1, description="a mitotic figure has at least this probability"
    )
    detections: list[Detection] = Field(
        description="candidates with a probability of at least 0.01, the most probable first"
    )
    adaptation: AdaptationRecord = Field(description="what the adaptation did")
    figures: Hash = Field(description="mitotic-figures.json, written with this result")
    seconds: dict[str, float] = Field(
        default_factory=dict, description="wall time of each stage and in total, s"
    )

    @property
    def mitotic_figures(self) -> int:
        """Number of detections that reach the threshold. They come first."""
        return sum(d.probability >= self.threshold for d in self.detections)


class FailedImage(_Image):
    """The result for an image that could not be processed."""

    status: Literal["failed"] = Field("failed", description="the image was not processed")
    error: Text = Field(description="reason and remedy, one line")


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
