"""Make report.html, overlays, GeoJSON and CSV from what process.py saved in OUTPUT.

Nothing is detected again. Without options, all kinds of files are made.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from batch.layout import PAGE_FILE
from report.write import KINDS, write


def main(arguments: list[str] | None = None) -> int:
    """The exit status is 0, 1 if an image could not be drawn, 2 for a wrong call."""
    options = option_parser().parse_args(arguments)
    kinds = [kind for kind in KINDS if getattr(options, kind)] or KINDS
    try:
        problems = write(options.output, kinds, options.input)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if "report" in kinds:
        print(f"open {options.output / PAGE_FILE} in a browser")
    return 1 if problems else 0


def option_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m report", description=__doc__)
    parser.add_argument(
        "output", type=Path, metavar="OUTPUT", help="folder of process.py's results"
    )
    parser.add_argument(
        "--input", type=Path, metavar="DIR", help="folder of the images, where they were moved"
    )
    for kind in KINDS:
        parser.add_argument(f"--{kind}", action="store_true", help="only this, and others named")
    return parser


if __name__ == "__main__":
    sys.exit(main())
