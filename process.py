#!/usr/bin/env python3
"""Detect mitotic figures in H&E images, adapting the detector to each image.

The method (Kondo, "Multi-source Domain Adaptation Using Gradient Reversal Layer for Mitotic Cell
Detection", MIDOG 2021) is `Detector.detect` in model/detector.py. `process_folder` in
batch/folder.py applies it to each image and writes the results.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from batch.garbage import pause_collections, resume_collections
from batch.options import FILES, option_parser
from batch.processors import use_processors
from batch.signals import exit_on_sigterm

if TYPE_CHECKING:
    from batch.terminal import Terminal


def main(arguments: list[str] | None = None) -> int:
    """Process a folder; the exit status is 0, 1 if an image failed, 2 for a wrong call."""
    options = option_parser().parse_args(arguments)
    use_processors()  # before anything imports torch
    exit_on_sigterm()

    from batch.lock import locked
    from batch.messages import where_to_look
    from batch.terminal import Terminal
    from batch.writing import OutputError

    kinds = [kind for kind in FILES if getattr(options, kind)]
    terminal = Terminal(options.quiet, options.verbose)
    try:
        check(options, kinds)
        with locked(options.output):
            failures = detect(options, terminal)
            failures += write_files(options, kinds, terminal)
        if options.ground_truth is not None:
            from evaluation.score import format_scores, score_folder

            scores = score_folder(options.output, options.ground_truth, with_missing=False)
            print(format_scores(scores))
    except (ValueError, OSError, OutputError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not options.quiet:
        print(where_to_look(options.output, options.report, len(failures)))
    return 1 if failures else 0


def check(options: argparse.Namespace, kinds: list[str]) -> None:
    """Refuse what would fail after the detection.

    Raises:
        ValueError: a kind of file needs a package that is not installed, or the ground truth is not
            of the images.
    """
    if kinds:
        from report.table import check_packages

        check_packages(kinds)
    if options.ground_truth is not None:
        from evaluation.ground_truth import check_ground_truth

        check_ground_truth(
            options.ground_truth, options.input, options.mpp is not None, options.manifest
        )


def detect(options: argparse.Namespace, terminal: Terminal) -> list[str]:
    """Process the images, here or in other processes; a line for each that failed."""
    if options.workers is not None or options.scheduler is not None:
        from batch.cohort.run import process_cohort

        resume_collections()
        return process_cohort(options, terminal)

    from batch.first_image import reading_first_image

    with reading_first_image(options) as first:
        from batch.folder import process_folder
        from batch.settings import folder_settings, load_detector

        detector = load_detector(options)
        resume_collections()
        return process_folder(detector, folder_settings(options, detector, terminal), first)


def write_files(options: argparse.Namespace, kinds: list[str], terminal: Terminal) -> list[str]:
    """Write the files of these kinds; a line for each image that could not be drawn."""
    if not kinds:
        return []
    from report.write import write

    return write(options.output, kinds, terminal=terminal, objects=options.qupath_objects)


if __name__ == "__main__":
    pause_collections()
    sys.exit(main())
