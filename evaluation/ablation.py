"""Run adaptation arms over annotated images, and tell what each of them is worth.

Every arm starts from the same shipped weights, sees the same candidates and obeys the same seed.
Results are kept image by image, so that an interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from evaluation import ScoringError
from evaluation.ablation_table import summarise, write_figure, write_table
from evaluation.ground_truth import AnnotatedImage, read_ground_truth
from evaluation.virtual_scanners import AS_IT_IS, CHOOSING, REPORTING, Scanner
from model.adaptation import ARMS, AdaptationSettings
from model.image import Image, read_image
from model.options import shipped
from model.pipeline import Detector, DetectorSettings
from model.precision import choose_device, choose_precision
from model.source_bank import load_bank
from model.weights import load_card, load_weights

RESULTS_FILE = "results.jsonl"
SETTINGS_FILE = "settings.json"
SHORT = 10  # the short schedule has a tenth of the steps at ten times the rate
SCANNERS: dict[str, dict[str, Scanner]] = {
    "none": {AS_IT_IS: CHOOSING[AS_IT_IS]},
    "choosing": CHOOSING,
    "reporting": REPORTING,
}
EXAMPLES = """\
examples:
  python -m training.prepare DATA FIELDS
  python -m evaluation.ablation FIELDS OUT --only 'A0[0-2]*' --scanners choosing
  python -m evaluation.ablation FIELDS OUT --arms none paper-frozen --schedule paper --seeds 0 1 2

FIELDS holds images, at any depth, and ground_truth.json in MIDOG's form. Annotations of a category
other than 1, mitotic figures, play no part. OUT gets results.jsonl, table.md and figure.png.
"""


class Case(NamedTuple):
    """One image under one virtual scanner."""

    scanner: str
    annotated: AnnotatedImage
    path: Path


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        cases = list(find_cases(options.fields, options.only, options.scanners, options.limit))
        run(options, cases)
        rows = read_results(options.out)
        truth = {case.annotated.stem: case.annotated for case in cases}
        threshold = None if options.threshold_by_slide else load_card(options.weights).threshold
        summary = summarise(rows, truth, threshold)
        write_table(summary, options.out / "table.md")
        write_figure(summary, options.out / "figure.png")
    except (ScoringError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print((options.out / "table.md").read_text())
    return 0


def find_cases(folder: Path, only: str, scanners: str, limit: int | None) -> Iterator[Case]:
    """The annotated images of a folder under each virtual scanner.

    Raises:
        ScoringError: an annotated image that was asked for is not there, or none was.
    """
    truth = read_ground_truth(folder / "ground_truth.json")
    chosen = [image for stem, image in truth.items() if fnmatchcase(stem, only)][:limit]
    if not chosen:
        raise ScoringError(f"no image of {folder / 'ground_truth.json'} matches {only!r}")
    files = {path.stem: path for path in sorted(folder.rglob("*")) if path.is_file()}
    for image in chosen:
        if image.stem not in files:
            raise ScoringError(f"{image.file_name} is not in {folder}")
    for name in SCANNERS[scanners]:
        for image in chosen:
            yield Case(name, image, files[image.stem])


def run(options: argparse.Namespace, cases: list[Case]) -> None:
    """Add to results.jsonl what is not there yet."""
    detector = _detector(options)
    options.out.mkdir(parents=True, exist_ok=True)
    _check_settings(options, detector)
    done = {_key(row) for row in read_results(options.out)}
    with (options.out / RESULTS_FILE).open("a") as file:
        for case in tqdm(cases, desc="images", mininterval=5):
            wanted = [
                (arm, seed)
                for arm in options.arms
                for seed in (options.seeds if arm != "none" else options.seeds[:1])
                if (case.scanner, case.annotated.stem, arm, seed) not in done
            ]
            if not wanted:
                continue
            image = read_image(case.path)
            pixels = SCANNERS[options.scanners][case.scanner](image.pixels)
            prepared = detector.prepare(Image(pixels, image.spacing, image.origin))
            for arm, seed in wanted:
                schedule = _schedule(detector, len(prepared.centres), options.schedule, seed)
                detector.settings = replace(detector.settings, schedule=schedule)
                found = detector.adapt(prepared, arm)
                row = {
                    "scanner": case.scanner,
                    "image": case.annotated.stem,
                    "arm": arm,
                    "seed": seed,
                    "points": found.points.round(2).tolist(),
                    "probabilities": [round(float(p), 6) for p in found.probabilities],
                    "seconds": found.seconds,
                    "adaptation": {k: v for k, v in found.adaptation.items() if k != "curve"},
                }
                file.write(json.dumps(row) + "\n")
                file.flush()


def read_results(out: Path) -> list[dict[str, Any]]:
    """The rows of results.jsonl; a last line that was cut off is dropped from the file."""
    path = out / RESULTS_FILE
    if not path.exists():
        return []
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole)
    return [json.loads(line) for line in whole.splitlines()]


def _key(row: dict[str, Any]) -> tuple[str, str, str, int]:
    return row["scanner"], row["image"], row["arm"], row["seed"]


def _detector(options: argparse.Namespace) -> Detector:
    device = choose_device("auto")
    network, card = load_weights(options.weights)
    bank = load_bank(options.source_bank, card.sha256, card.domains)
    schedule = AdaptationSettings(
        reversal_weight=card.reversal_weight, precision=choose_precision("auto", device)
    )
    settings = DetectorSettings("none", schedule, card.threshold, calibration=card.calibration)
    return Detector(network, bank, settings, device, card.sha256)


def _schedule(detector: Detector, candidates: int, name: str, seed: int) -> AdaptationSettings:
    """The schedule of one adaptation to so many candidates."""
    paper = replace(
        detector.settings.schedule,
        learning_rate=AdaptationSettings.learning_rate,
        max_steps=None,
        seed=seed,
    )
    if name == "paper":
        return paper
    steps = paper.epochs * math.ceil((detector.source_entries + candidates) / paper.batch_size)
    return replace(
        paper, learning_rate=SHORT * paper.learning_rate, max_steps=max(round(steps / SHORT), 1)
    )


def _check_settings(options: argparse.Namespace, detector: Detector) -> None:
    """Keep results of different weights or schedules apart.

    Raises:
        ScoringError: OUT holds results of other ones.
    """
    settings = {
        "weights": detector.weights_sha256,
        "source_bank": detector.bank_sha256,
        "threshold": detector.settings.threshold,
        "schedule": options.schedule,
        "precision": detector.settings.schedule.precision,
    }
    path = options.out / SETTINGS_FILE
    if path.exists() and json.loads(path.read_text()) != settings:
        raise ScoringError(f"{options.out} holds results of other settings: take another folder")
    path.write_text(json.dumps(settings, indent=2) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.ablation",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("fields", type=Path, help="folder of images and ground_truth.json")
    add("out", type=Path, help="folder for the results; an interrupted run goes on from it")
    add("--weights", type=Path, default=shipped("weights"), help="[the shipped ones]")
    add("--source-bank", type=Path, default=shipped("source_bank"), help="[the shipped one]")
    add("--arms", nargs="+", choices=ARMS, default=list(ARMS), metavar="ARM", help="[all]")
    add("--only", default="*", metavar="PATTERN", help="stems of images [%(default)s]")
    add("--limit", type=int, metavar="N", help="take the first N of them")
    add("--scanners", choices=SCANNERS, default="none", help="virtual scanners [%(default)s]")
    add(
        "--schedule",
        choices=("paper", "short"),
        default="paper",
        help="short: a tenth of the paper's steps at ten times its rate [%(default)s]",
    )
    add(
        "--threshold-by-slide",
        action="store_true",
        help="give each arm the threshold that is best for it on the other slides, as they are, "
        "in place of the card's",
    )
    add("--seeds", type=int, nargs="+", default=[0], metavar="N", help="[%(default)s]")
    return parser


if __name__ == "__main__":
    sys.exit(main())
