"""A folder of images: each one's files are written whole, and a bad one never stops the others."""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batch.inputs import SUMMARY_FILE, Inputs, output_names
from batch.output import (
    FILE_NAME,
    RESULT_FILE,
    Format,
    OutputError,
    mitotic_figures,
    write_json,
    writing,
)
from batch.read_ahead import ReadAhead, reading_ahead
from batch.resume import finished
from batch.summary import Summary
from batch.terminal import Terminal, shown
from model.detections import Detections
from model.detector import Detector
from model.weights import file_sha256
from slide.image import Image, ImageError
from slide.memory import MemoryBudget
from slide.read import read_header, read_image

DIGITS = 6  # of probabilities, and of coordinates in px
BYTES_AHEAD = 8  # a pixel of an image that is read ahead: RGB, and what decoding takes besides
MAX_PIXELS_AHEAD = 2 * 10**8  # of an image that waits: 600 MB, five times an image of MIDOG 2021


@dataclass(frozen=True)
class FolderSettings:
    """What is the same for every image of a folder.

    Attributes:
        output: folder for the results.
        output_format: year of the challenge's JSON.
        mpp: µm per pixel where the files do not say; None to trust them.
        record: settings and hashes for `result.json`.
        budget: memory that an image may take; None for no limit.
        resume: whether to keep what an earlier run with this record has finished.
        terminal: where progress and results are told.
        source: folder that images must lie in; None to follow links anywhere.
    """

    output: Path
    output_format: Format
    mpp: float | None
    record: dict[str, Any]
    budget: MemoryBudget | None = None
    resume: bool = False
    terminal: Terminal = field(default_factory=Terminal)
    source: Path | None = None


def process_images(detector: Detector, inputs: Inputs, settings: FolderSettings) -> list[str]:
    """Process images one after the other.

    Returns:
        A line "file: reason" for each image that failed, and one for what else went wrong.
    """
    for line in inputs.passed_over:
        settings.terminal.say(f"passed over {shown(line)}")
    try:
        with writing():
            _try_to_write(settings.output)
    except OutputError as error:
        return [_told(settings.terminal, f"{settings.output}: {error}")]
    images = dict(zip(output_names(inputs.images), inputs.images, strict=True))
    summary = Summary(settings.output, list(images))
    if settings.resume:
        _keep_finished(images, summary, settings)
    with reading_ahead(
        [path for name, path in images.items() if name not in summary],
        lambda path: _read(path, settings),
        lambda path, held: _may_wait(path, held, settings),
    ) as ahead:
        failures = _process_others(detector, ahead, images, summary, settings)
    if gone := summary.fail_vanished():
        first = f"{shown(gone[0])} the first of {len(gone)}"
        line = f"{settings.output}: results have vanished from it, {first}: run again with --resume"
        failures.append(_told(settings.terminal, line))
        summary.write()
    if summary.unwritten is not None:
        line = f"{SUMMARY_FILE}: {summary.unwritten}"
        failures.append(_told(settings.terminal, line))
    if len(images) > 1:
        settings.terminal.table(summary.table())
    return failures


def _told(terminal: Terminal, line: str) -> str:
    terminal.error(line)
    return line


def _try_to_write(output: Path) -> None:
    """Raise OSError where nothing can be written, before any image is waited for."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=output):
        pass


def _keep_finished(images: dict[str, Path], summary: Summary, settings: FolderSettings) -> None:
    """Take up what an earlier run has finished."""
    for name, path in images.items():
        folder = settings.output / name
        if _leads_out(folder, settings.output) or _is_elsewhere(path, settings):
            continue  # it is refused where it would be processed
        result = finished(path, folder, settings.record)
        if result is None:
            continue
        summary.add(name, result)
        image = result["image"] | {"path": _place(path, folder)}
        if result["image"] != image:  # images or results were moved since
            with contextlib.suppress(OSError):
                write_json(folder / RESULT_FILE, result | {"image": image})
    kept = len(summary.images)
    settings.terminal.say(f"{kept} of {len(images)} images are finished already")


def _process_others(
    detector: Detector,
    ahead: ReadAhead,
    images: dict[str, Path],
    summary: Summary,
    settings: FolderSettings,
) -> list[str]:
    """Process the images that are not summed up yet; a line for each that failed."""
    summary.write()
    failures: list[str] = []
    to_do = [name for name in images if name not in summary]
    numbers = {name: number for number, name in enumerate(images, start=1)}
    started = time.monotonic()
    for done, name in enumerate(to_do):
        path = images[name]
        label = f"[{numbers[name]}/{len(images)}] {shown(path.name)}"
        if done:
            left = (time.monotonic() - started) / done * (len(to_do) - done)
            settings.terminal.detail(f"about {left / 60:.0f} min left for {settings.output}")
        result = _process(detector, ahead, path, settings.output / name, settings, label)
        summary.add(name, result)
        summary.write()
        if result["status"] != "failed":
            continue
        failures.append(_told(settings.terminal, f"{shown(path.name)}: {result['error']}"))
        if summary.unwritten is not None and done + 1 < len(to_do):
            # Neither the image's result nor the summary: the others would be computed in vain.
            line = (
                f"{settings.output}: nothing can be written there, so the other "
                f"{len(to_do) - done - 1} were not begun: run again with --resume when it can"
            )
            failures.append(_told(settings.terminal, line))
            summary.unwritten = None  # that is told
            break
    return failures


def _process(
    detector: Detector,
    ahead: ReadAhead,
    path: Path,
    folder: Path,
    settings: FolderSettings,
    label: str,
) -> dict[str, Any]:
    """Process an image and write its files; the content of `result.json`. Never raises."""
    base: dict[str, Any] = {"file": path.name, "status": "failed", "error": None, "warnings": []}
    base |= settings.record
    try:
        # What an earlier run found must not stand beside a failure of this one.
        with writing():
            _check_output(folder, settings.output)
            _forget(folder)
        return _detect(detector, ahead, path, folder, settings, label, base)
    except (ImageError, OutputError) as error:
        reason = str(error)
    except MemoryError:
        reason = "not enough memory: give the process more, or cut the image into parts"
    except Exception as error:  # whatever it is, the other images must not suffer
        reason = f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    failed = base | {"error": reason}
    # Where it cannot be written, the reason is told all the same, and stands in the summary.
    with contextlib.suppress(OSError, OutputError):
        _check_output(folder, settings.output)
        _forget(folder)
        write_json(folder / RESULT_FILE, failed)
    return failed


def _detect(
    detector: Detector,
    ahead: ReadAhead,
    path: Path,
    folder: Path,
    settings: FolderSettings,
    label: str,
    base: dict[str, Any],
) -> dict[str, Any]:
    """Read, detect and write. `result.json` comes last: where it says "ok", all is there."""
    image, reading = ahead.take(path)
    started = time.monotonic() - reading  # also where it was read while another was computed
    base |= {"image": _made_from(path, folder)}
    seconds = {"read": round(reading, 3)}
    with settings.terminal.bar(label) as progress:
        progress("candidates, classification", 0, 0)
        found = detector.detect(image.pixels, image.mpp, started=started, progress=progress)
    figures = _figures(image, found, detector, settings)
    result = base | _content(image, found, detector) | {"status": "ok"}
    with writing():
        write_json(folder / FILE_NAME, figures)
        result["figures"] = {"sha256": file_sha256(folder / FILE_NAME)}
        seconds |= found.seconds
        result["seconds"] = seconds | {"total": round(time.monotonic() - started, 3)}
        write_json(folder / RESULT_FILE, result)
    _tell(settings.terminal, label, result)
    return result


def _read(path: Path, settings: FolderSettings) -> Image:
    if _is_elsewhere(path, settings):
        raise ImageError(
            "a link out of the input folder: put the file itself there, or give its own folder"
        )
    try:
        return read_image(path, settings.mpp, settings.budget)
    except OSError as error:
        raise ImageError(f"cannot be read ({error.strerror or error}): try again") from error


def _is_elsewhere(path: Path, settings: FolderSettings) -> bool:
    """Whether an image is a link out of the input folder."""
    return settings.source is not None and _leads_out(path, settings.source)


def _may_wait(path: Path, held: int, settings: FolderSettings) -> bool:
    """Whether an image may wait beside the one at work, of `held` bytes: TIFF files alone tell."""
    pixels, budget = math.prod(read_header(path, settings.mpp).size), settings.budget
    if pixels > MAX_PIXELS_AHEAD or budget is None:
        return pixels <= MAX_PIXELS_AHEAD
    return budget.refusal(0, held * (1 + budget.detecting / 3) + pixels * BYTES_AHEAD) is None


def _leads_out(path: Path, folder: Path) -> bool:
    """Whether links lead from a path to a place outside a folder, which may be a link itself."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _check_output(folder: Path, output: Path) -> None:
    """Raises OutputError where links would have an image's files written elsewhere."""
    if _leads_out(folder, output):
        raise OutputError("its folder in the output is a link elsewhere: remove the link")


def _forget(folder: Path) -> None:
    """Remove what an earlier run wrote of an image; first the file that says it is complete."""
    for name in (RESULT_FILE, FILE_NAME):
        (folder / name).unlink(missing_ok=True)


def _made_from(path: Path, folder: Path) -> dict[str, Any]:
    """Which file it was: its place seen from `result.json`, its size in bytes, its hash."""
    size = path.stat().st_size
    return {"path": _place(path, folder), "bytes": size, "sha256": file_sha256(path)}


def _place(path: Path, folder: Path) -> str:
    """Where a file lies, seen from a folder.

    A relative place holds when input and output move together, and keeps the names of the folders
    above them, which may be a person's, out of what is passed on.
    """
    return os.path.relpath(path.resolve(), folder.resolve())


def _figures(
    image: Image, found: Detections, detector: Detector, settings: FolderSettings
) -> dict[str, Any]:
    return mitotic_figures(
        image.to_millimetres(found.points),
        found.probabilities.astype(float).round(DIGITS),
        detector.settings.threshold,
        settings.output_format,
    )


def _content(image: Image, found: Detections, detector: Detector) -> dict[str, Any]:
    """What `result.json` says of an image that went well."""
    height, width = image.pixels.shape[:2]
    columns = (found.points, found.probabilities, found.without_adaptation)
    return {
        "size_px": [width, height],
        "pixel_size_um": [round(value, DIGITS) for value in image.mpp],
        "origin_mm": list(image.origin),
        "candidates": found.candidates,
        "threshold": detector.settings.threshold,
        "detections": [
            {
                "x": round(float(x), 3),
                "y": round(float(y), 3),
                "probability": round(float(probability), DIGITS),
                "probability_without_adaptation": round(float(before), DIGITS),
            }
            for (x, y), probability, before in zip(*columns, strict=True)
        ],
        "adaptation": found.adaptation.model_dump(mode="json", exclude_none=True)
        | {"arm": found.adaptation.name, "fallback": found.adaptation.fallback},
        "warnings": _warnings(image, found),
    }


def _warnings(image: Image, found: Detections) -> list[str]:
    warnings = []
    if found.rescaled:
        x, y = image.mpp
        warnings.append(f"pixels of {x:.3f} x {y:.3f} µm: detected at the training resolution")
    if found.candidates == 0:
        warnings.append("no candidate found: is this H&E tissue?")
    record = found.adaptation
    if record.fallback:
        warnings.append(f"not adapted: {record.fallback}")
    elif not record.complete:
        warnings.append(
            f"the time budget ended the adaptation after {record.steps} of "
            f"{record.planned_steps} steps: --max-steps {record.steps} gives the same again"
        )
    return warnings


def _tell(terminal: Terminal, label: str, result: dict[str, Any]) -> None:
    """The lines for the reader."""
    threshold = result["threshold"]
    figures = sum(d["probability"] >= threshold for d in result["detections"])
    parts = [
        f"{figures} mitotic figure{'' if figures == 1 else 's'}",
        f"{result['candidates']} candidates",
        f"{result['adaptation'].get('steps', 0)} adaptation steps",
        f"{result['seconds']['total']:.0f} s",
    ]
    terminal.say(f"{label}: {', '.join(parts)}")
    for line in result["warnings"]:
        terminal.warn(f"  note: {line}")
    terminal.detail(f"threshold {threshold:.4g}")
    terminal.detail("seconds: " + ", ".join(f"{k} {v:.1f}" for k, v in result["seconds"].items()))
    for name, value in result["adaptation"].items():
        if not isinstance(value, list | dict):
            terminal.detail(f"adaptation, {name}: {value}")
