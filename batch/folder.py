"""A folder of images, one after the other: a bad one never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from batch.challenge_json import Format
from batch.documents import ProcessedImage, Record
from batch.image_run import Job, process_image
from batch.inputs import Inputs, find_images, is_text
from batch.layout import SUMMARY_FILE, output_names
from batch.manifest import Planned, read_manifest
from batch.outcome import Outcome
from batch.read_ahead import WasRead, reading_ahead
from batch.reading import Reading, source_of
from batch.recognise import earlier_summary
from batch.regions import with_regions
from batch.resume import take_up_finished
from batch.stale import remove_stale
from batch.summary import Summary
from batch.terminal import Terminal, shown
from batch.writing import check_writable, writing
from slide.memory import MemoryBudget

if TYPE_CHECKING:
    from batch.first_image import FirstImage
    from model.detector import Detector
    from slide.image import Image
    from slide.whole_slide import WholeSlide


Run = Callable[["FolderSettings", Sequence[Job]], Generator[Outcome, None, None]]


@dataclass(frozen=True)
class FolderSettings:
    """What is the same for every image of a folder.

    Attributes:
        input: folder of the images, or one image file; not used with a manifest.
        output: folder for the results.
        record: how the results are made, for `result.json`.
        output_format: year of the challenge's JSON.
        mpp: µm per pixel, which replaces what the files say; None to trust them.
        budget: memory that an image may take; None for no limit.
        resume: whether to keep what an earlier run with this record has finished.
        manifest: CSV file that lists the images; None for those of `input`.
        roi: GeoJSON of the regions of interest, or folder of such files; None for whole images.
        terminal: where progress and results are shown.
    """

    input: Path
    output: Path
    record: Record
    output_format: Format = "2025"
    mpp: float | None = None
    budget: MemoryBudget | None = None
    resume: bool = False
    terminal: Terminal = field(default_factory=Terminal)
    manifest: Path | None = None
    roi: Path | None = None

    def reading(self, jobs: Sequence[Job] = ()) -> Reading:
        """How the images of these jobs are read. Files that the user named may be links."""
        source = source_of(self.input) if self.manifest is None else None
        stated = {job.path: job.record.settings.mpp for job in jobs}
        mpp_of = {path: mpp for path, mpp in stated.items() if mpp not in (None, self.mpp)}
        return Reading(source, self.mpp, self.budget, mpp_of)

    def record_of(self, image: Planned) -> Record:
        """How the result of an image is made."""
        stated = {"mpp": image.mpp, "roi": image.regions and image.regions.sha256}
        update = {name: value for name, value in stated.items() if value is not None}
        settings = self.record.settings.model_copy(update=update)
        return self.record.model_copy(update={"settings": settings})


def process_folder(
    detector: Detector, settings: FolderSettings, first: FirstImage | None = None
) -> list[str]:
    """Process the images of a folder in this process, one after the other: see `process_images`.

    first: an image that may have been read already.
    """
    return process_images(settings, partial(one_after_the_other, detector, first=first))


def process_images(settings: FolderSettings, run: Run) -> list[str]:
    """Process the images of a run; no result of an earlier one is left among theirs.

    Args:
        settings: of the run.
        run: processes images and yields the outcome of each, in any order.

    Returns:
        A line "file: reason" for each image that failed, and one for what else went wrong.

    Raises:
        OSError: the input cannot be listed, and nothing was changed; or it holds no image.
        RegionError: regions of interest cannot be used, and nothing was changed.
        ManifestError: the manifest cannot be used, and nothing was changed.
        OutputError: nothing can be written to the output, and nothing was changed.
    """
    images, summary = _prepare(settings)
    jobs = _jobs(images, summary, settings)
    failures: list[str] = []
    with closing(run(settings, jobs)) as outcomes:
        for left, outcome in zip(reversed(range(len(jobs))), outcomes, strict=True):
            summary.add(outcome)
            summary.write()
            if outcome.entry.status == "failed":
                line = f"{shown(outcome.entry.file)}: {outcome.entry.error}"
                failures.append(settings.terminal.error(line))
                if summary.unwritten is not None and left:
                    failures.append(_stop(left, summary, settings))
                    break
    failures += _report_losses(summary, settings)
    for names in summary.copies():
        settings.terminal.warn(f"the same image, and each counts: {shown(', '.join(names))}")
    if len(images) > 1:
        settings.terminal.table(summary.table())
    return failures


def one_after_the_other(
    detector: Detector,
    settings: FolderSettings,
    jobs: Sequence[Job],
    first: FirstImage | None = None,
) -> Generator[Outcome, None, None]:
    """Process images in this process, and read each while the one before is computed."""
    reading = settings.reading(jobs)

    def was_read(path: Path) -> WasRead[Image | WholeSlide] | None:
        return None if first is None else first.take(path, reading)

    paths = [job.path for job in jobs]
    with reading_ahead(paths, reading.read, reading.may_wait, was_read) as ahead:
        for job in jobs:
            result = process_image(detector, job, ahead, settings.terminal)
            yield Outcome.of(result, job.name)


def _prepare(settings: FolderSettings) -> tuple[dict[str, Planned], Summary]:
    """The images by the name of their folder, and those of them that are finished already."""
    planned, inputs = _list(settings)
    if settings.roi is not None:
        planned = with_regions(planned, settings.roi, settings.mpp)
    for line in inputs.skipped:
        show = settings.terminal.detail if is_text(line) else settings.terminal.warn
        show(f"skipped {shown(line)}")
    images = dict(zip(output_names(inputs.images), planned, strict=True))
    if images:
        check_writable(settings.output)
    kept = _clear_output(images, settings)
    if not images:
        raise FileNotFoundError(inputs.why_empty())
    groups = {name: image.group for name, image in images.items()}
    summary = Summary(settings.output, groups, inputs.skipped)
    for name, result in kept.items():
        summary.add(Outcome.of(result, name))
    summary.write()
    return images, summary


def _list(settings: FolderSettings) -> tuple[list[Planned], Inputs]:
    """The images of the manifest or of the input folder, and what else is in the folder."""
    with_mpp = settings.mpp is not None
    if settings.manifest is not None:
        planned = read_manifest(settings.manifest, with_mpp)
        return planned, Inputs(settings.manifest, [image.path for image in planned], [])
    inputs = find_images(settings.input, with_mpp)
    return [Planned(path) for path in inputs.images], inputs


def _clear_output(
    images: Mapping[str, Planned], settings: FolderSettings
) -> Mapping[str, ProcessedImage]:
    """Remove what earlier runs left in the output; the results that --resume keeps."""
    output, terminal, reading = settings.output, settings.terminal, settings.reading()
    kept: Mapping[str, ProcessedImage] = {}
    if settings.resume and images:
        # Links out of the input are refused in their turn.
        inside = {n: image for n, image in images.items() if not reading.is_elsewhere(image.path)}
        paths = {name: image.path for name, image in inside.items()}
        records = {name: settings.record_of(image) for name, image in inside.items()}
        kept = take_up_finished(paths, output, records)
        terminal.say(f"{len(kept)} of {len(images)} images are finished already")
    with writing():
        removed = remove_stale(output, settings.resume, _page_holds(images, kept, output))
    if removed:
        terminal.say(f"removed {removed} files of earlier runs from {output}")
    return kept


def _page_holds(
    images: Mapping[str, Planned], kept: Mapping[str, ProcessedImage], output: Path
) -> bool:
    """Whether an earlier run has finished these images and no others, so that its page holds."""
    summary = earlier_summary(output)
    listed = [] if summary is None else [(entry.folder, entry.file) for entry in summary.images]
    planned = [(name, image.path.name) for name, image in images.items()]
    return listed == planned and kept.keys() == images.keys()


def _jobs(images: Mapping[str, Planned], summary: Summary, settings: FolderSettings) -> list[Job]:
    """The images that are not finished yet."""
    return [
        Job(
            name=name,
            path=image.path,
            output=settings.output,
            output_format=settings.output_format,
            record=settings.record_of(image),
            regions=image.regions,
            written=summary.written,
            resume=settings.resume,
            label=f"[{number}/{len(images)}] {shown(image.path.name)}",
        )
        for number, (name, image) in enumerate(images.items(), start=1)
        if name not in summary
    ]


def _stop(left: int, summary: Summary, settings: FolderSettings) -> str:
    """Give up where neither results nor summary can be written; the line that was shown."""
    summary.unwritten = None  # this line covers it
    return settings.terminal.error(
        f"{settings.output}: nothing can be written there, so the other {left} were not begun: "
        "run again with --resume when it can"
    )


def _report_losses(summary: Summary, settings: FolderSettings) -> list[str]:
    """Show what the output folder lacks at the end of the run; the lines."""
    lines = []
    if gone := summary.fail_vanished():
        lines.append(
            f"{settings.output}: results have vanished from it, {shown(gone[0])} the first of "
            f"{len(gone)}: run again with --resume"
        )
        summary.write()
    if summary.unwritten is not None:
        lines.append(f"{SUMMARY_FILE}: {summary.unwritten}")
    return [settings.terminal.error(line) for line in lines]
