"""Make report.html, overlays, GeoJSON and CSV from what process.py saved in OUTPUT.

Nothing is detected again. Without options, all kinds of files but Parquet are made; with --review,
the page.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from batch.documents import read_summary
from batch.layout import SUMMARY_FILE
from batch.messages import where_to_look
from batch.terminal import shown
from batch.writing import write_json
from report.geojson import OBJECTS
from report.reviews.annotations import midog_annotations, unreviewed
from report.reviews.read import read_reviews
from report.saved import load_output
from report.write import DEFAULT_KINDS, KINDS, write


def main(arguments: list[str] | None = None) -> int:
    """The exit status is 0, 1 if an image could not be drawn, 2 for a wrong call."""
    options = option_parser().parse_args(arguments)
    named = [kind for kind in KINDS if getattr(options, kind)]
    kinds = named or (["report"] if options.review else DEFAULT_KINDS)
    try:
        problems = write(
            options.output,
            kinds,
            options.input,
            reviews=options.review,
            objects=options.qupath_objects,
        )
        if options.annotations is not None:
            write_annotations(options.annotations, options.output, options.review)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.review:
        print("\n".join(corrected_counts(options.output)))
    if "report" in kinds:
        print(where_to_look(options.output, has_page=True))
    return 1 if problems else 0


def corrected_counts(output: Path) -> list[str]:
    """A line for each image that was reviewed, from the merged results of an output folder."""
    lines = []
    for image in read_summary(output / SUMMARY_FILE).images:
        if (review := image.review) is None:
            continue
        density = review.mitotic_figures_per_mm2
        number = review.mitotic_figures
        left = f"; {review.unreviewed} of them not reviewed" if review.unreviewed else ""
        lines.append(
            f"{shown(image.file)}: {number} mitotic figure{'s' * (number != 1)} after review by "
            f"{shown(', '.join(review.reviewers))}"
            + ("" if density is None else f", {density:.1f} per mm²")
            + f" ({image.mitotic_figures} detected{left})"
        )
    return lines


def write_annotations(path: Path, output: Path, reviews: list[Path]) -> None:
    """Write the reviewed images of an output folder as annotations, and say which are left out.

    Raises:
        ValueError: no image was reviewed completely.
        OSError: a file cannot be read or written.
    """
    images = load_output(output)
    reviewed = read_reviews(reviews, images)
    write_json(path, midog_annotations(images, reviewed))
    for saved, by_reviewer in zip(images, reviewed, strict=True):
        if by_reviewer and (cells := unreviewed(by_reviewer)) > 0:
            print(f"{shown(saved.file)}: not in {path}: {cells} cells are not reviewed")


def option_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m report", description=__doc__)
    parser.add_argument(
        "output", type=Path, metavar="OUTPUT", help="folder of process.py's results"
    )
    parser.add_argument(
        "--input", type=Path, metavar="DIR", help="folder of the images, where they were moved"
    )
    parser.add_argument(
        "--review",
        type=Path,
        metavar="FILE",
        action="append",
        default=[],
        help="merge a review that was saved from the page; repeat it for further reviewers",
    )
    parser.add_argument(
        "--annotations",
        type=Path,
        metavar="FILE",
        help="write the completely reviewed images as annotations in MIDOG's form",
    )
    parser.add_argument(
        "--qupath-objects",
        choices=OBJECTS,
        default=OBJECTS[0],
        metavar="KIND",
        help="objects of --geojson: annotation or detection [%(default)s]",
    )
    for kind in KINDS:
        parser.add_argument(f"--{kind}", action="store_true", help="only this, and others named")
    return parser


if __name__ == "__main__":
    sys.exit(main())
