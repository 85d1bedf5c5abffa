"""Options of the command line. Imports nothing heavy, so that --help answers at once."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from model.adaptation.registry import ADAPTATIONS, DEFAULT_ADAPTATION, find_adaptation

ROOT = Path(__file__).resolve().parents[1]
# Where the platform puts the model that is uploaded beside the image.
UPLOADED = Path("/opt/ml/model")
# Files for readers, made from the results; `python -m report OUTPUT` makes them later.
FILES = {
    "overlay": "write overlay.png and thumbnail.png of each image, detections marked",
    "geojson": "write detections.geojson of each image, for QuPath",
    "csv": "write detections.csv of the folder",
    "report": "write report.html of the folder, one page that needs no other file",
}

EPILOG = """\
One image in the input folder: OUTPUT/mitotic-figures.json and OUTPUT/result.json. Several:
OUTPUT/<stem>/ for each. OUTPUT/results.json sums them up. The exit status is 1 if an image failed.

adaptations:
{adaptations}

examples:
  process.py --input slides --output found --report               found/report.html to look at
  process.py --input slides --output found --adaptation gradient-reversal
  process.py --input photos --output found --mpp 0.25             PNG, JPEG, or TIFF without a
                                                                  trustworthy resolution
Research use only, not for diagnosis.
"""


def option_parser() -> argparse.ArgumentParser:
    """The options of process.py."""
    parser = argparse.ArgumentParser(
        prog="process.py",
        description="Detect mitotic figures in H&E images, adapting the network to each image.",
        epilog=EPILOG.format(
            adaptations="\n".join(f"  {a.name:18}{a.help}" for a in ADAPTATIONS.values())
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--input",
        type=Path,
        default=Path("/input"),
        metavar="DIR",
        help="folder of .tif, .tiff and .mha images, or one with them in "
        "images/histopathology-roi-cropout/ [%(default)s]",
    )
    add("--output", type=Path, default=Path("/output"), metavar="DIR", help="[%(default)s]")
    add(
        "--weights",
        type=Path,
        default=shipped("weights"),
        metavar="DIR",
        help="folder with weights.safetensors and card.json [the shipped one]",
    )
    add(
        "--source-bank",
        type=Path,
        default=shipped("source_bank"),
        metavar="DIR",
        help="folder with bank.safetensors, made with these weights [the shipped one]",
    )
    add(
        "--adaptation",
        type=_adaptation,
        default=DEFAULT_ADAPTATION,
        metavar="NAME",
        help="how to adapt to an image [%(default)s]; see the list below",
    )
    add(
        "--reversal-weight",
        type=_not_negative,
        metavar="LAMBDA",
        help="weight of the reversed gradient [that of the training, from the card]",
    )
    add("--epochs", type=_whole, default=5, help="passes over bank and image [%(default)s]")
    add("--learning-rate", type=_not_negative, default=1.7e-6, metavar="RATE", help="[%(default)s]")
    add("--batch-size", type=_whole, default=128, metavar="N", help="[%(default)s]")
    add("--max-steps", type=_whole, metavar="N", help="end the adaptation after N steps")
    add(
        "--candidates",
        choices=("default", "paper"),
        help="blue ratio and thresholds: ours, or the paper's [the card's]",
    )
    add(
        "--threshold",
        type=_probability,
        metavar="P",
        help="probability from which a detection is a mitotic figure [the card's]",
    )
    add(
        "--mpp",
        type=_positive,
        metavar="UM",
        help="µm per pixel, where the files do not say or say it wrongly",
    )
    add(
        "--output-format",
        choices=("2021", "2022", "2025"),
        default="2025",
        help="year of the MIDOG challenge whose JSON is written [%(default)s]",
    )
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="[%(default)s]")
    add(
        "--precision",
        choices=("auto", "fp32", "bf16"),
        default="auto",
        help="auto is bf16 where the processor has it built in [%(default)s]",
    )
    add(
        "--time-budget",
        type=_positive,
        metavar="SECONDS",
        help="for one image; adaptation ends in time to write the result [no limit]",
    )
    add(
        "--max-memory",
        type=_positive,
        metavar="GIB",
        help="GiB that the process may take; an image that needs more is refused before it is "
        "read [nine tenths of the machine's or the container's]",
    )
    add("--seed", type=int, default=0, help="[%(default)s]")
    add(
        "--resume",
        action="store_true",
        help="keep what an earlier run with the same settings has finished in --output",
    )
    add(
        "--ground-truth",
        type=Path,
        metavar="FILE",
        help="annotations in MIDOG's form: score the folder when it is done",
    )
    add(
        "--diagnostics",
        action="store_true",
        help="tell in result.json how far image and source are apart before and after; "
        "python -m experiments.diagnostics OUTPUT draws it",
    )
    for name, meaning in FILES.items():
        add(f"--{name}", action="store_true", help=meaning)
    volume = parser.add_mutually_exclusive_group()
    volume.add_argument("--quiet", action="store_true", help="print nothing but errors")
    volume.add_argument("--verbose", action="store_true", help="print settings and times too")
    return parser


def shipped(name: str) -> Path:
    """The folder uploaded beside the image where it holds anything, else the project's own."""
    uploaded = UPLOADED / name
    return uploaded if uploaded.is_dir() and any(uploaded.iterdir()) else ROOT / name


def _adaptation(text: str) -> str:
    try:
        return find_adaptation(text).name
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return value


def _positive(text: str) -> float:
    value = _number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _not_negative(text: str) -> float:
    value = _number(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


def _probability(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not in 0..1")
    return value


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)
