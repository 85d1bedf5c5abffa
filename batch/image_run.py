"""One image: read, detect, write. Whatever goes wrong with it, the folder's other images go on."""

from __future__ import annotations

import contextlib
import hashlib
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from batch.account import account
from batch.challenge_json import Format, mitotic_figures
from batch.counts import count
from batch.documents import (
    Counts,
    Detection,
    FailedImage,
    Hash,
    ImageResult,
    ProcessedImage,
    Record,
    RegionsOfInterest,
    SlideRecord,
    SourceFile,
    Tissue,
    Verdict,
)
from batch.layout import FIGURES_FILE, RESULT_FILE
from batch.links import leads_out, relative_place
from batch.messages import adaptation_notes, notes
from batch.read_ahead import ReadAhead
from batch.stale import clear_for_image
from batch.terminal import Terminal
from batch.unfinished import Unfinished, remove_unfinished
from batch.writing import OutputError, json_bytes, write_json, write_whole, writing
from model.hashes import file_sha256
from slide.appearance import Appearance
from slide.image import Image, ImageError
from slide.quality import judge
from slide.regions_of_interest import RegionError, Regions
from slide.whole_slide import WholeSlide

if TYPE_CHECKING:
    from model.detections import Detections
    from model.detector import Detector, Progress

DIGITS = 6  # of probabilities, and of coordinates in px
NO_MEMORY = "not enough memory: give the process more, or cut the image into parts"


@dataclass(frozen=True)
class Job:
    """One image to process.

    Attributes:
        name: of the folder for its results in `output`; "" for `output` itself.
        path: the image file.
        output: folder of the results of all images.
        output_format: year of the challenge's JSON.
        record: how the results are made.
        written: SHA-256 of the files that report/ has written, by their place in `output`.
        label: how the terminal names the image.
        regions: of interest; None for the whole image.
        resume: whether a whole slide continues where an earlier run with this record ended.
    """

    name: str
    path: Path
    output: Path
    output_format: Format
    record: Record
    written: Mapping[str, str]
    label: str
    regions: Regions | None = None
    resume: bool = False

    @property
    def folder(self) -> Path:
        """Folder for the results of the image."""
        return self.output / self.name


def process_image(
    detector: Detector, job: Job, ahead: ReadAhead[Image | WholeSlide], terminal: Terminal
) -> ImageResult:
    """Read an image, detect, and write its files. Never raises for a fault of the image."""
    try:
        _make_way(job)  # what an earlier run found must not be there beside a failure of this one
        image, reading = ahead.take(job.path)
        started = time.monotonic() - reading  # also where it was read while another was computed
        with terminal.bar(job.label) as progress:
            found, slide = _detect(detector, job, image, started, progress)
        seconds = {"read": reading, **found.seconds, "total": time.monotonic() - started}
        result = _write(job, image, found, slide, detector.settings.threshold, seconds)
        if slide is not None:
            remove_unfinished(job.folder)
    except (ImageError, RegionError, OutputError) as error:
        return fail_image(job, str(error))
    except MemoryError:
        return fail_image(job, NO_MEMORY)
    except Exception as error:  # whatever it is, the other images must not suffer
        reason = " ".join(str(error).split())[:300]
        return fail_image(job, f"unexpected {type(error).__name__}: {reason}")
    _show(terminal, job.label, result)
    return result


def _detect(
    detector: Detector, job: Job, image: Image | WholeSlide, started: float, progress: Progress
) -> tuple[Detections, SlideRecord | None]:
    """What an image shows; of a whole slide also how it was read, tile by tile."""
    regions = job.regions
    if regions is not None:
        regions.check_inside(image.size)
    if isinstance(image, Image):
        progress("candidates, classification", 0, 0)
        found = detector.detect(
            image.pixels, image.mpp, regions=regions, started=started, progress=progress
        )
        return found, None
    from model.slide_detector import detect_on_slide  # imports torch

    with contextlib.closing(image):
        memo = Unfinished.open(job.folder, job.path, job.record, job.resume)
        slide = detect_on_slide(
            detector, image, regions=regions, started=started, progress=progress, memo=memo
        )
    threshold = float(slide.thresholds.region) if slide.tiles else math.inf
    return slide.found, SlideRecord(
        format=image.format,
        levels=len(image.levels),
        level=slide.level,
        tiles=slide.tiles,
        blue_ratio_threshold=round(threshold, DIGITS) if math.isfinite(threshold) else None,
    )


def _make_way(job: Job) -> None:
    """Remove what an earlier run wrote of the image.

    Raises:
        OutputError: that cannot be done, or links would have the files written elsewhere.
    """
    if leads_out(job.folder, job.output):
        raise OutputError("its folder in the output is a link elsewhere: remove the link")
    with writing():
        clear_for_image(job.folder, job.output, job.written)


def fail_image(job: Job, reason: str) -> FailedImage:
    """The result of an image that failed, written where that is possible."""
    failed = FailedImage(
        file=job.path.name, error=reason, **dict(job.record), regions=_regions(job.regions)
    )
    with contextlib.suppress(OSError, OutputError):
        _make_way(job)
        write_json(job.folder / RESULT_FILE, failed.content())
    return failed


def _write(
    job: Job,
    image: Image | WholeSlide,
    found: Detections,
    slide: SlideRecord | None,
    threshold: float,
    seconds: Mapping[str, float],
) -> ProcessedImage:
    """Write the files. `result.json` comes last: where it says "ok", all are there."""
    points = image.to_millimetres(found.points)
    probabilities = found.probabilities.astype(float).round(DIGITS)
    detections = _detections(found)
    figures = json_bytes(mitotic_figures(points, probabilities, threshold, job.output_format))
    result = ProcessedImage(
        file=job.path.name,
        warnings=notes(image, found, job.regions) + adaptation_notes(found.adaptation),
        **dict(job.record),
        image=_source(job.path, job.folder),
        size_px=image.size,
        pixel_size_um=(round(image.mpp[0], DIGITS), round(image.mpp[1], DIGITS)),
        pixel_size_source=image.mpp_source or None,
        origin_mm=image.origin,
        slide=slide,
        tissue=_tissue(found.appearance, int((probabilities >= threshold).sum())),
        regions=_regions(job.regions, image),
        counts=_counts(job, image, found, detections, threshold),
        verdict=_verdict(found.appearance),
        candidates=found.candidates,
        threshold=threshold,
        detections=detections,
        adaptation=found.adaptation,
        figures=Hash(sha256=hashlib.sha256(figures).hexdigest()),
        seconds={stage: round(value, 3) for stage, value in seconds.items()},
    )
    content = json_bytes(result.content())  # before anything is written, since it may fail
    with writing():
        write_whole(job.folder / FIGURES_FILE, figures)
        write_whole(job.folder / RESULT_FILE, content)
    return result


def _tissue(appearance: Appearance | None, figures: int) -> Tissue | None:
    if appearance is None:
        return None
    area = appearance.area_mm2
    return Tissue(
        area_mm2=round(area, DIGITS),
        share=round(appearance.share, DIGITS),
        mitotic_figures_per_mm2=round(figures / area, DIGITS) if area else None,
    )


def _regions(
    regions: Regions | None, image: Image | WholeSlide | None = None
) -> RegionsOfInterest | None:
    """The record of regions; their area only if the image could be read."""
    if regions is None:
        return None
    rings, area = regions.rings(), None
    if image is not None:
        area = round(regions.area_px(image.size) * image.mpp[0] * image.mpp[1] / 1e6, DIGITS)
    return RegionsOfInterest(polygons=len(rings), area_mm2=area, rings=rings)


def _counts(
    job: Job,
    image: Image | WholeSlide,
    found: Detections,
    detections: list[Detection],
    threshold: float,
) -> Counts | None:
    if found.tissue is None:
        return None
    size = image.size
    hpf_area = job.record.settings.hpf_area
    return count(detections, threshold, size, image.mpp, found.tissue, hpf_area)


def _verdict(appearance: Appearance | None) -> Verdict | None:
    if appearance is None:
        return None
    reasons = judge(appearance)
    return Verdict(usable=not reasons, reasons=reasons)


def _detections(found: Detections) -> list[Detection]:
    columns = (found.points, found.probabilities, found.without_adaptation)
    return [
        Detection(
            x=round(float(x), 3),
            y=round(float(y), 3),
            probability=round(float(probability), DIGITS),
            probability_without_adaptation=round(float(before), DIGITS),
        )
        for (x, y), probability, before in zip(*columns, strict=True)
    ]


def _source(path: Path, folder: Path) -> SourceFile:
    return SourceFile(
        path=relative_place(path, folder), bytes=path.stat().st_size, sha256=file_sha256(path)
    )


def _show(terminal: Terminal, label: str, result: ProcessedImage) -> None:
    first, *others = account(result)
    terminal.say(f"{label}: {first}")
    for line in others:
        terminal.say(f"  {line}")
    verdict = [] if result.verdict is None else result.verdict.reasons
    for line in [*result.warnings, *verdict]:
        terminal.warn(f"  note: {line}")
    terminal.detail(f"threshold {result.threshold:.4g}")
    stages = ", ".join(f"{stage} {value:.1f}" for stage, value in result.seconds.items())
    terminal.detail(f"seconds: {stages}")
    for name, value in result.adaptation.model_dump(exclude_defaults=True).items():
        if not isinstance(value, list | dict):
            terminal.detail(f"adaptation, {name}: {value}")
