"""A folder of images: each one's files are written whole, and a bad one never stops the others."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model.image import Image, ImageError, read_image
from model.inputs import SUMMARY_FILE, Inputs, output_names
from model.output import FILE_NAME, Format, mitotic_figures, write_json
from model.pipeline import Detections, Detector
from model.terminal import Terminal
from model.weights import file_sha256

RESULT_FILE = "result.json"
DIGITS = 6  # of probabilities, and of coordinates in px


@dataclass(frozen=True)
class FolderSettings:
    """What is the same for every image of a folder.

    Attributes:
        output: folder for the results.
        output_format: year of the challenge's JSON.
        mpp: µm per pixel where the files do not say; None to trust them.
        record: settings and hashes for `result.json`.
        terminal: where progress and results are told.
        source: folder that images must lie in; None to follow links anywhere.
    """

    output: Path
    output_format: Format
    mpp: float | None
    record: dict[str, Any]
    terminal: Terminal = field(default_factory=Terminal)
    source: Path | None = None


def process_images(detector: Detector, inputs: Inputs, settings: FolderSettings) -> list[str]:
    """Process images one after the other.

    Returns:
        A line "file: reason" for each image that failed.
    """
    for line in inputs.passed_over:
        settings.terminal.say(f"passed over {shown(line)}")
    summaries: list[dict[str, Any]] = []
    failures: list[str] = []
    unwritten = None
    names = output_names(inputs.images)
    started = time.monotonic()
    for number, (path, name) in enumerate(zip(inputs.images, names, strict=True), start=1):
        label = f"[{number}/{len(names)}] {shown(path.name)}"
        if number > 1:
            left = (time.monotonic() - started) / (number - 1) * (len(names) - number + 1)
            settings.terminal.detail(f"about {left / 60:.0f} min left for {settings.output}")
        result = _process(detector, path, settings.output / name, settings, label)
        summaries.append(_summary(result, name))
        unwritten = _write_summary(settings.output, summaries)
        if result["status"] == "failed":
            failures.append(f"{shown(path.name)}: {result['error']}")
            settings.terminal.error(failures[-1])
    if unwritten is not None:
        failures.append(f"{SUMMARY_FILE}: {unwritten}")
        settings.terminal.error(failures[-1])
    if len(names) > 1:
        settings.terminal.table(_table(summaries))
    return failures


def shown(name: str) -> str:
    """A file's name on one line of any terminal: line breaks and stray bytes are escaped."""
    return name if name.isprintable() else ascii(name)[1:-1]


def _write_summary(output: Path, summaries: list[dict[str, Any]]) -> str | None:
    """Write `results.json`; why it cannot be, or None."""
    try:
        with _writing():
            write_json(output / SUMMARY_FILE, {"images": summaries})
    except _OutputError as error:
        return str(error)
    return None


def _process(
    detector: Detector, path: Path, folder: Path, settings: FolderSettings, label: str
) -> dict[str, Any]:
    """Process an image and write its files; the content of `result.json`. Never raises."""
    base: dict[str, Any] = {"file": path.name, "status": "failed", "error": None, "warnings": []}
    base |= settings.record
    try:
        # What an earlier run found must not stand beside a failure of this one.
        with _writing():
            _check_output(folder, settings.output)
            _forget(folder)
        return _detect(detector, path, folder, settings, label, base)
    except (ImageError, _OutputError) as error:
        reason = str(error)
    except MemoryError:
        reason = "not enough memory: give the process more, or cut the image into parts"
    except Exception as error:  # whatever it is, the other images must not suffer
        reason = f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    failed = base | {"error": reason}
    # Where it cannot be written, the reason is told all the same, and stands in the summary.
    with contextlib.suppress(OSError, _OutputError):
        _check_output(folder, settings.output)
        _forget(folder)
        write_json(folder / RESULT_FILE, failed)
    return failed


def _detect(
    detector: Detector,
    path: Path,
    folder: Path,
    settings: FolderSettings,
    label: str,
    base: dict[str, Any],
) -> dict[str, Any]:
    """Read, detect and write. `result.json` comes last: where it says "ok", all is there."""
    started = time.monotonic()
    image = _read(path, settings)
    base |= {"image": _made_from(path, folder)}
    seconds = {"read": round(time.monotonic() - started, 3)}
    with settings.terminal.bar(label) as progress:
        progress("candidates, classification", 0, 0)
        found = detector.detect(image, started, progress)
    figures = _figures(image, found, detector, settings)
    result = base | _content(image, found, detector) | {"status": "ok"}
    with _writing():
        write_json(folder / FILE_NAME, figures)
        seconds |= found.seconds
        result["seconds"] = seconds | {"total": round(time.monotonic() - started, 3)}
        write_json(folder / RESULT_FILE, result)
    _tell(settings.terminal, label, result)
    return result


def _read(path: Path, settings: FolderSettings) -> Image:
    if settings.source is not None and _leads_out(path, settings.source):
        raise ImageError(
            "a link out of the input folder: put the file itself there, or give its own folder"
        )
    try:
        return read_image(path, settings.mpp)
    except OSError as error:
        raise ImageError(f"cannot be read ({error.strerror or error}): try again") from error


def _leads_out(path: Path, folder: Path) -> bool:
    """Whether links lead from a path to a place outside a folder, which may be a link itself."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _check_output(folder: Path, output: Path) -> None:
    """Raises _OutputError where links would have an image's files written elsewhere."""
    if _leads_out(folder, output):
        raise _OutputError("its folder in the output is a link elsewhere: remove the link")


def _forget(folder: Path) -> None:
    """Remove what an earlier run wrote of an image; first the file that says it is complete."""
    for name in (RESULT_FILE, FILE_NAME):
        (folder / name).unlink(missing_ok=True)


class _OutputError(Exception):
    """The result cannot be written. Its text: reason and remedy in one line."""


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _OutputError(
            f"the result cannot be written ({error.strerror or error}): is the output folder "
            "writable by this user, and is there space on its disk?"
        ) from error


def _made_from(path: Path, folder: Path) -> dict[str, Any]:
    """Which file it was: its hash, and its place seen from `result.json`.

    A relative place holds when input and output move together, and keeps the names of the folders
    above them, which may be a person's, out of what is passed on.
    """
    place = os.path.relpath(path.resolve(), folder.resolve())
    return {"path": place, "bytes": path.stat().st_size, "sha256": file_sha256(path)}


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
        "adaptation": found.adaptation,
        "warnings": _warnings(image, found),
    }


def _warnings(image: Image, found: Detections) -> list[str]:
    warnings = []
    if found.rescaled:
        x, y = image.mpp
        warnings.append(f"pixels of {x:.3f} x {y:.3f} µm: detected at the training resolution")
    if found.candidates == 0:
        warnings.append("no candidate found: is this H&E tissue?")
    if found.adaptation.get("fallback"):
        warnings.append(f"not adapted: {found.adaptation['fallback']}")
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


def _table(summaries: list[dict[str, Any]]) -> list[list[str]]:
    """The closing table."""
    rows = [["image", "mitotic figures", "candidates", "seconds", "status"]]
    for image in summaries:
        counts = [image["mitotic_figures"], image["candidates"], image["seconds"]]
        cells = ["-" if image["status"] != "ok" else f"{count:.0f}" for count in counts]
        rows.append([shown(image["file"]), *cells, image["status"]])
    return rows


def _summary(result: dict[str, Any], name: str) -> dict[str, Any]:
    detections = result.get("detections", [])
    return {
        "file": result["file"],
        "folder": name,
        "status": result["status"],
        "error": result["error"],
        "mitotic_figures": sum(d["probability"] >= result["threshold"] for d in detections),
        "candidates": result.get("candidates"),
        "seconds": result.get("seconds", {}).get("total"),
    }
