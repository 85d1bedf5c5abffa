#!/usr/bin/env python3
"""Detect mitotic figures in H&E images, adapting the detector to each image.

The method has two steps (Kondo, "Multi-source Domain Adaptation Using Gradient Reversal Layer for
Mitotic Cell Detection", MIDOG 2021), both in `Detector.detect`, model/detector.py:

1. Find candidates by their blue ratio, and classify a 64 x 64 patch around each with a network
   trained on several scanners (model/candidates.py, model/patches.py, model/network.py).
2. Adapt a copy of the network to the image, without labels: against a bank of source patches, the
   gradient of a branch that recognises the scanner is reversed (model/adaptation/matched.py).

`process_folder` (batch/folder.py) does this for each image and writes the results.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

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
    from report.table import check_packages
    from report.write import write

    kinds = [kind for kind in FILES if getattr(options, kind)]
    terminal = Terminal(options.quiet, options.verbose)
    try:
        check_packages(kinds)
        if options.ground_truth is not None:
            check_ground_truth(options)
        with locked(options.output):
            failures = detect(options, terminal)
            failures += write(
                options.output, kinds, terminal=terminal, objects=options.qupath_objects
            )
        if options.ground_truth is not None:
            print_scores(options)
    except (ValueError, OSError, OutputError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not options.quiet:
        print(where_to_look(options.output, options.report))
    return 1 if failures else 0


def detect(options: argparse.Namespace, terminal: Terminal) -> list[str]:
    """Process the images, here or in other processes; a line for each that failed."""
    if options.workers is not None or options.scheduler is not None:
        from batch.cohort.run import process_cohort

        return process_cohort(options, terminal)

    from batch.folder import process_folder
    from batch.settings import folder_settings, load_detector

    detector = load_detector(options)
    return process_folder(detector, folder_settings(options, detector, terminal))


def check_ground_truth(options: argparse.Namespace) -> None:
    """Raise ValueError where the annotations do not fit the images, before any is computed."""
    from evaluation.ground_truth import check_ground_truth

    with_mpp = options.mpp is not None
    check_ground_truth(options.ground_truth, options.input, with_mpp, options.manifest)


def print_scores(options: argparse.Namespace) -> None:
    """Print how the detections compare with the annotations; those of other images are left out."""
    from evaluation.score import format_scores, score_folder

    scores = score_folder(options.output, options.ground_truth, with_missing=False)
    print(format_scores(scores))


if __name__ == "__main__":
    sys.exit(main())
