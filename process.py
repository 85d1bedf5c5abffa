#!/usr/bin/env python3
"""Mitosis detection that adapts to every image: reads --input, writes --output.

An image's way, after Kondo, "Multi-source Domain Adaptation Using Gradient Reversal Layer for
Mitotic Cell Detection" (MIDOG 2021), is `Detector.detect` in model/detector.py:

    candidates by blue ratio                 model/candidates.py
    64 x 64 patches around them              model/patches.py
    a fresh copy of the trained network      model/network.py, model/weights.py
    adapted to this image, against the       model/adaptation/, model/source_bank.py
        bank of confident source patches
    mitosis probabilities, merged            model/scoring.py, model/detections.py
    mitotic-figures.json                     batch/output.py
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batch.options import FILES, option_parser

if TYPE_CHECKING:
    from model.detector import Detector


def main(arguments: list[str] | None = None) -> int:
    """Process a folder; the exit status is 0, 1 if an image failed, 2 for a wrong call."""
    options = option_parser().parse_args(arguments)
    exit_on_sigterm()
    try:
        detector = load_detector(options)
        failures = process_folder(detector, options)
        if options.ground_truth is not None:
            score(options)
        if not options.quiet:
            print(what_next(options))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 1 if failures else 0


def load_detector(options: argparse.Namespace) -> Detector:
    """The detector of these options: weights and bank verified and loaded, once.

    Raises:
        ValueError: weights, bank or device cannot be used; the message says why.
    """
    from model.detector import Detector

    names = (
        "weights source_bank adaptation device precision reversal_weight threshold candidates "
        "time_budget diagnostics epochs learning_rate batch_size max_steps seed"
    )
    return Detector.load(**{name: getattr(options, name) for name in names.split()})


def process_folder(detector: Detector, options: argparse.Namespace) -> list[str]:
    """Process all images of --input; a line for each that failed.

    Raises:
        OSError: the folder cannot be listed, or holds no image.
    """
    from batch.folder import FolderSettings, process_images
    from batch.inputs import find_images
    from batch.terminal import Terminal
    from slide.memory import GIB, available_memory

    inputs = find_images(options.input, with_mpp=options.mpp is not None)
    if not inputs.images:
        raise FileNotFoundError(f"no .tif, .tiff or .mha image in {options.input}")
    limit = available_memory() if options.max_memory is None else int(options.max_memory * GIB)
    settings = FolderSettings(
        output=options.output,
        output_format=options.output_format,
        mpp=options.mpp,
        record=record(options, detector),
        resume=options.resume,
        budget=detector.memory_budget(limit),
        terminal=Terminal(options.quiet, options.verbose),
        source=options.input,
    )
    return process_images(detector, inputs, settings) + write_files(options)


def write_files(options: argparse.Namespace) -> list[str]:
    """Write the files for readers that are asked for; a line for each image that has none."""
    from batch.inputs import SUMMARY_FILE

    kinds = [kind for kind in FILES if getattr(options, kind)]
    if not kinds or not (options.output / SUMMARY_FILE).is_file():  # nothing could be written
        return []
    from report.write import write

    problems = write(options.output, kinds, bar=sys.stdout.isatty() and not options.quiet)
    for line in problems:
        print(f"error: {line}", file=sys.stderr)
    return problems


def what_next(options: argparse.Namespace) -> str:
    """Where to look now. In a container, run.sh says what the user's own folder is called."""
    outside = os.environ.get("MITOSIS_OUTPUT")
    if options.report:
        return f"open {Path(outside or options.output) / 'report.html'} in a browser"
    if outside:
        return "with --report there is a page to look at"
    return f"python -m report {options.output} makes a page to look at"


def record(options: argparse.Namespace, detector: Detector) -> dict[str, Any]:
    """What `result.json` keeps of how it was made."""
    import torch

    from model import __version__

    schedule = detector.settings.schedule
    settings = {name: value for name, value in vars(options).items() if name not in UNRECORDED}
    settings |= {
        "threshold": detector.settings.threshold,
        "candidates": detector.settings.candidates,
        "reversal_weight": schedule.reversal_weight,
        "precision": schedule.precision,
        "device": detector.device.type,
        "version": __version__,
    }
    return {
        "settings": settings,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "weights": {"sha256": detector.weights_sha256},
        "source_bank": {"sha256": detector.bank_sha256},
    }


# Options that name places of this machine, or what is shown, rather than how an image is treated.
UNRECORDED = {"input", "output", "weights", "source_bank", "ground_truth", "host", "port"}
UNRECORDED |= {"quiet", "verbose", "resume", "max_memory", *FILES}


def score(options: argparse.Namespace) -> None:
    """Print how the folder's detections compare with the annotations."""
    from evaluation.score import format_scores, score_folder

    print(format_scores(score_folder(options.output, options.ground_truth)))


def exit_on_sigterm() -> None:
    """End on SIGTERM as on Ctrl-C: what is half written is cleaned up, what is whole stays."""

    def stop(number: int, _frame: object) -> None:
        print("error: stopped by SIGTERM; finished images are complete", file=sys.stderr)
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, stop)


if __name__ == "__main__":
    sys.exit(main())
