"""Options of the command line. Imports nothing heavy, so that --help answers at once."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

from model.adaptation.registry import ADAPTATIONS, DEFAULT_ADAPTATION, find_adaptation

ROOT = Path(__file__).resolve().parents[1]
# Where the platform puts a model that is uploaded beside the image.
UPLOADED = Path("/opt/ml/model")
# Files for people, made from the results; `python -m report OUTPUT` makes them later.
FILES = {
    "report": "report.html, all images on one page",
    "overlay": "overlay.png and thumbnail.png, detections marked",
    "geojson": "detections.geojson of each image, for QuPath",
    "csv": "detections.csv, all images in one table",
    "parquet": "detections.parquet, the same for data frames",
}
EPILOG = """\
adaptations:
{adaptations}

With one image the results are OUT/mitotic-figures.json and OUT/result.json,
with several they are in OUT/<stem>/; OUT/results.json sums them up.
docs/output.md explains each field. Exit status: 0; 1 if an image failed; 2 if
the call is invalid.

examples:
  process.py --input slides --output found --report
  process.py --input photos --output found --mpp 0.25     (also PNG and JPEG)

Research use only, not for diagnosis.
"""
HPF_AREAS = (0.05, 1.0)  # mm²; an eyepiece of field number 18 to 26.5 at 40x sees 0.16 to 0.345
Add = Callable[..., argparse.Action]


def option_parser() -> argparse.ArgumentParser:
    """The options of process.py."""
    parser = argparse.ArgumentParser(
        prog="process.py",
        usage="process.py [--input IN | --manifest FILE] [--output OUT] [options]",
        description="Detect mitotic figures in H&E images, adapting the detector to each image.",
        epilog=EPILOG.format(
            adaptations="\n".join(f"  {a.name:19}{a.help}" for a in ADAPTATIONS.values())
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_input(parser.add_argument_group("input"))
    output = parser.add_argument_group("output")
    _add_output(output.add_argument)
    volume = output.add_mutually_exclusive_group()
    volume.add_argument("--quiet", action="store_true", help="print errors only")
    volume.add_argument("--verbose", action="store_true", help="print times and settings too")
    _add_adaptation(parser.add_argument_group("adaptation").add_argument)
    _add_speed(parser.add_argument_group("speed and memory").add_argument)
    _add_developer(parser.add_argument_group("for developers").add_argument)
    return parser


def _add_input(group: argparse._ArgumentGroup) -> None:
    add, either = group.add_argument, group.add_mutually_exclusive_group().add_argument
    either(
        "--input",
        type=Path,
        default=Path("/input"),
        metavar="IN",
        help="image or slide (.tif, .mha, .svs …) or folder of them [%(default)s]",
    )
    either(
        "--manifest",
        type=Path,
        metavar="FILE",
        help="CSV list of images, instead of IN: path, mpp, roi, group",
    )
    add(
        "--mpp",
        type=_positive,
        metavar="UM",
        help="pixel size in µm, instead of the files' own",
    )
    add(
        "--roi",
        type=Path,
        metavar="PATH",
        help="GeoJSON of the regions to analyse, or folder with STEM.geojson",
    )
    add(
        "--ground-truth",
        type=Path,
        metavar="FILE",
        help="annotations in MIDOG's format, to score the run",
    )


def _add_output(add: Add) -> None:
    add(
        "--output",
        type=Path,
        default=Path("/output"),
        metavar="OUT",
        help="folder for the results; earlier ones are removed [%(default)s]",
    )
    add(
        "--resume",
        action="store_true",
        help="skip images already finished with the same settings",
    )
    for name, what in FILES.items():
        add(f"--{name}", action="store_true", help=f"write {what}")
    add(
        "--qupath-objects",
        choices=("annotation", "detection"),
        default="annotation",
        metavar="KIND",
        help="objects of --geojson: annotation or detection [%(default)s]",
    )
    add(
        "--threshold",
        type=_probability,
        metavar="P",
        help="lowest probability of a mitotic figure [the weights']",
    )
    add(
        "--hpf-area",
        type=_field_area,
        default=0.237,
        metavar="MM2",
        help="area of a high-power field in mm² [%(default)s]",
    )
    add(
        "--output-format",
        choices=("2021", "2022", "2025"),
        default="2025",
        metavar="YEAR",
        help="challenge format: 2021, 2022 or 2025 [%(default)s]",
    )


def _add_adaptation(add: Add) -> None:
    add(
        "--adaptation",
        type=_adaptation,
        default=DEFAULT_ADAPTATION,
        metavar="NAME",
        help="one of those listed below [%(default)s]",
    )
    add("--epochs", type=_whole, default=5, metavar="N", help="passes over bank and image [5]")
    add(
        "--max-steps",
        type=_whole,
        metavar="N",
        help="limit of steps [gradient-reversal: 100; paper: no limit]",
    )
    add(
        "--learning-rate",
        type=_not_negative,
        metavar="RATE",
        help="[gradient-reversal: 1e-5; paper: 1.7e-6]",
    )
    add("--batch-size", type=_whole, default=128, metavar="N", help="[%(default)s]")
    add(
        "--reversal-weight",
        type=_not_negative,
        metavar="W",
        help="[gradient-reversal: 1; paper: as in training]",
    )
    add("--seed", type=int, default=0, metavar="N", help="seed of the random order [%(default)s]")


def _add_speed(add: Add) -> None:
    add(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        metavar="NAME",
        help="auto, cpu or cuda [%(default)s]",
    )
    add(
        "--precision",
        choices=("auto", "fp32", "bf16"),
        default="auto",
        metavar="NAME",
        help="auto (bf16 if supported), fp32 or bf16 [%(default)s]",
    )
    add(
        "--time-budget",
        type=_positive,
        metavar="S",
        help="seconds per image; adaptation stops in time [no limit]",
    )
    add(
        "--max-memory",
        type=_positive,
        metavar="GIB",
        help="refuse images that need more [90 %% of the memory]",
    )
    add(
        "--workers",
        type=_whole,
        metavar="N",
        help="images at the same time (requirements-cohort.txt)",
    )
    add(
        "--scheduler",
        metavar="URL",
        help="running Dask scheduler, tcp:// or tls://",
    )


def _add_developer(add: Add) -> None:
    add(
        "--weights",
        type=Path,
        default=shipped("weights"),
        metavar="DIR",
        help="folder with weights.safetensors and card.json [shipped]",
    )
    add(
        "--source-bank",
        type=Path,
        default=shipped("source_bank"),
        metavar="DIR",
        help="folder with their bank.safetensors [shipped]",
    )
    add(
        "--candidates",
        choices=("default", "paper", "paper-literal"),
        metavar="NAME",
        help="default, paper or paper-literal [the weights']",
    )
    add(
        "--diagnostics",
        action="store_true",
        help="report the domain gap in result.json",
    )


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
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def _positive(text: str) -> float:
    value = _number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _field_area(text: str) -> float:
    value = _number(text)
    low, high = HPF_AREAS
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(
            f"{text} mm² is not in {low:g}..{high:g} mm², the area of one high-power field"
        )
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
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
