"""Run adaptation arms over annotated images, and tell what each of them is worth.

Every arm starts from the same shipped weights, sees the same candidates and obeys the same seed.
Results are kept image by image, so that an interrupted run goes on where it was. Candidates within
45 px of a painted figure (category 3) are left out: such fields count false positives alone.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit
from tqdm import tqdm

from batch.options import DEFAULT_ARM, shipped
from evaluation import ScoringError
from evaluation.ground_truth import MASK_RADIUS, AnnotatedImage, read_ground_truth
from experiments.ablation_table import ArmScore, summarise, write_scores
from model.adaptation.base import AdaptationSettings
from model.adaptation.calibration import log_odds
from model.adaptation.registry import ARMS
from model.detector import Detector, DetectorSettings, Prepared
from model.precision import choose_device, choose_precision
from model.source_bank import load_bank
from model.weights import Card, load_card, load_weights
from slide.image import Image
from slide.read import read_image
from training.virtual_scanners import AS_IT_IS, CHOOSING, REPORTING, Scanner

RESULTS_FILE = "results.jsonl"
SETTINGS_FILE = "settings.json"
CANDIDATE_PRIOR = 0.002  # 102 of the 55,200 candidates of fields_a A00-A02
SHORT = 10  # the short schedule has a tenth of the steps at ten times the rate
SCANNERS: dict[str, dict[str, Scanner]] = {
    "none": {AS_IT_IS: CHOOSING[AS_IT_IS]},
    "choosing": CHOOSING,
    "reporting": REPORTING,
}
EXAMPLES = """\
examples:
  python -m training.prepare DATA FIELDS
  python -m experiments.ablation FIELDS OUT --only 'A0[0-2]*' --scanners choosing
  python -m experiments.ablation FIELDS OUT --only '[AH]0[0-2]*' --threshold-by-slide
  python -m experiments.ablation FIELDS OUT --arms none dann --seeds 0 1 2
  python -m experiments.ablation FIELDS OUT --arms none paper --schedule paper short --limit 3
  python -m experiments.ablation FIELDS OUT --quick

FIELDS holds images, at any depth, and ground_truth.json in MIDOG's form. Annotations of a category
other than 1, mitotic figures, and 3, painted over, play no part. OUT gets results.jsonl, table.md
and figure.png.
"""


# --quick: on so many slides, one field of each that has figures.
QUICK_SLIDES = 3
QUICK_ARMS = ["none", DEFAULT_ARM, "paper-frozen", "dann"]
# What the default may lose to no adaptation there, in AP and in F1: a figure of some 20.
QUICK_TOLERANCE = 0.05


class Case(NamedTuple):
    """One image under one virtual scanner."""

    scanner: str
    annotated: AnnotatedImage
    path: Path


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    options = _parse(arguments)
    try:
        cases = list(find_cases(options.fields, options.only, options.scanners, options.limit))
        if options.quick:
            cases = _few(cases)
        run(options, cases)
        rows = read_results(options.out)
        truth = {case.annotated.stem: case.annotated for case in cases}
        card = load_card(options.weights)
        threshold = None if options.threshold_by_slide else card.threshold
        summary = summarise(rows, truth, threshold, prior_threshold(card, options.candidate_prior))
        write_scores(summary, options.out)
    except (ScoringError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    complaints = quick_complaints(summary) if options.quick else []
    for line in complaints:
        print(f"error: {line}", file=sys.stderr)
    return 1 if complaints else 0


def _few(cases: list[Case]) -> list[Case]:
    """One field that has figures of each of the first slides."""
    by_slide: dict[str | None, Case] = {}
    for case in cases:
        if len(case.annotated.figures):
            by_slide.setdefault(case.annotated.slide, case)
    return list(by_slide.values())[:QUICK_SLIDES]


def quick_complaints(summary: Sequence[ArmScore]) -> list[str]:
    """Where the default arm is worse than no adaptation, a line each."""
    (default,) = (score for score in summary if score.arm == DEFAULT_ARM)
    return [
        f"{DEFAULT_ARM} loses {-change.value:.3f} in {metric.upper()} to no adaptation"
        for metric, change in default.differences.items()
        if metric in ("ap", "f1") and change.value < -QUICK_TOLERANCE
    ]


def prior_threshold(card: Card, prior: float) -> float | None:
    """Probability that corrects for the share of mitotic figures in the training's batches.

    A network trained on batches with a share p answers with the odds of that share; where the prior
    is q its probability of one half lies at the log odds log(p / (1 - p)) - log(q / (1 - q))
    (Elkan 2001). None where the card does not tell the share.
    """
    try:
        share = card.values["training"][-1]["recipe"]["mixture"]["mitotic"]
    except (KeyError, IndexError, TypeError):
        return None
    return float(expit(log_odds(share) - log_odds(prior)))


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
    detector = load_detector(options)
    keep_apart(options.out, settings_of(detector))
    done = {_key(row) for row in read_results(options.out)}
    with (options.out / RESULTS_FILE).open("a") as file:
        for case in tqdm(cases, desc="images", mininterval=5):
            wanted = [
                adaptation
                for adaptation in wanted_adaptations(options)
                if (case.scanner, case.annotated.stem, *adaptation) not in done
            ]
            if not wanted:
                continue
            prepared = prepare_case(detector, case, options.scanners)
            for wish in wanted:
                row = {"scanner": case.scanner, "image": case.annotated.stem}
                file.write(json.dumps(row | adapt_once(detector, prepared, wish)) + "\n")
                file.flush()


def prepare_case(detector: Detector, case: Case, scanners: str) -> Prepared:
    """A case before adaptation, its masked figures left out of the candidates."""
    image = read_image(case.path)
    pixels = SCANNERS[scanners][case.scanner](image.pixels)
    find = partial(_unmasked, detector, case.annotated.masked, pixels.shape[1])
    return detector.prepare(Image(pixels, image.spacing, image.origin), find)


class Wish(NamedTuple):
    """One adaptation to an image that is asked for."""

    arm: str
    seed: int
    schedule: str


def wanted_adaptations(options: argparse.Namespace) -> list[Wish]:
    """The adaptations to each image; where nothing is drawn and no step taken, one is enough."""
    return [
        Wish(arm, seed, schedule)
        for arm in options.arms
        for seed in (options.seeds if ARMS[arm].adapt else options.seeds[:1])
        for schedule in (options.schedule if ARMS[arm].adapt else options.schedule[:1])
    ]


def adapt_once(detector: Detector, prepared: Prepared, wish: Wish) -> dict[str, Any]:
    """What an adaptation found: the part of a row that does not name the image."""
    schedule = _schedule(detector, len(prepared.centres), wish.schedule, wish.seed)
    detector.settings = replace(detector.settings, schedule=schedule)
    found = detector.adapt(prepared, wish.arm)
    return {
        **wish._asdict(),
        "points": found.points.round(2).tolist(),
        "probabilities": [round(float(p), 6) for p in found.probabilities],
        "seconds": found.seconds,
        "adaptation": {k: v for k, v in found.adaptation.items() if k != "curve"},
    }


def _unmasked(detector: Detector, masked: np.ndarray, width: int, pixels: np.ndarray) -> np.ndarray:
    """The candidates of pixels that lie away from what is masked in an image of a width in px."""
    found = detector.find(pixels)
    if len(masked) == 0 or len(found) == 0:
        return found
    scale = width / pixels.shape[1]
    distance = np.linalg.norm(found[:, None] * scale - masked[None], axis=2)
    return found[distance.min(axis=1) > MASK_RADIUS]


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


def _key(row: dict[str, Any]) -> tuple[str, str, str, int, str]:
    return row["scanner"], row["image"], row["arm"], row["seed"], row["schedule"]


def load_detector(options: argparse.Namespace) -> Detector:
    """Weights and bank of the options, the guard in force or not."""
    device = choose_device("auto")
    network, card = load_weights(options.weights)
    bank = load_bank(options.source_bank, card.sha256, card.domains)
    schedule = AdaptationSettings(
        reversal_weight=card.reversal_weight, precision=choose_precision("auto", device)
    )
    settings = DetectorSettings(
        "none",
        schedule,
        card.threshold,
        calibration=card.calibration,
        guarded=not options.unguarded,
    )
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


def keep_apart(out: Path, settings: dict[str, Any]) -> None:
    """Make the folder of results, for these settings alone.

    Raises:
        ScoringError: it holds results of other ones.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / SETTINGS_FILE
    if path.exists() and json.loads(path.read_text()) != settings:
        raise ScoringError(f"{out} holds results of other settings: take another folder")
    path.write_text(json.dumps(settings, indent=2) + "\n")


def settings_of(detector: Detector) -> dict[str, Any]:
    """What results of different kinds are told apart by."""
    return {
        "weights": detector.weights_sha256,
        "source_bank": detector.bank_sha256,
        "threshold": detector.settings.threshold,
        "guarded": detector.settings.guarded,
        "precision": detector.settings.schedule.precision,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.ablation",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add_field_options(parser)
    add("--limit", type=int, metavar="N", help="take the first N of them")
    add(
        "--threshold-by-slide",
        action="store_true",
        help="give each arm the threshold that is best for it on the other slides, as they are, "
        "in place of the card's",
    )
    add(
        "--candidate-prior",
        type=float,
        default=CANDIDATE_PRIOR,
        metavar="SHARE",
        help="mitotic share of candidates that one of the thresholds is corrected to [%(default)s]",
    )
    add(
        "--quick",
        action="store_true",
        help=f"minutes: {', '.join(QUICK_ARMS)} in the short schedule on a field of each of "
        f"{QUICK_SLIDES} slides; status 1 if {DEFAULT_ARM} loses to none",
    )
    add_arm_options(parser)
    return parser


def add_field_options(parser: argparse.ArgumentParser) -> None:
    """Which images, by which weights and bank, and where the results go."""
    add = parser.add_argument
    add("fields", type=Path, help="folder of images and ground_truth.json")
    add("out", type=Path, help="folder for the results; an interrupted run goes on from it")
    add("--weights", type=Path, default=shipped("weights"), help="[the shipped ones]")
    add("--source-bank", type=Path, default=shipped("source_bank"), help="[the shipped one]")
    add("--only", default="*", metavar="PATTERN", help="stems of images [%(default)s]")
    add("--scanners", choices=SCANNERS, default="none", help="virtual scanners [%(default)s]")


def add_arm_options(parser: argparse.ArgumentParser) -> None:
    """Which arms, and how often each."""
    add = parser.add_argument
    add("--arms", nargs="+", choices=ARMS, default=list(ARMS), metavar="ARM", help="[all]")
    add(
        "--schedule",
        nargs="+",
        choices=("paper", "short"),
        default=["paper"],
        help="short: a tenth of the paper's steps at ten times its rate; both are compared [paper]",
    )
    add(
        "--seeds",
        type=int,
        nargs="+",
        default=[0],
        metavar="N",
        help="several: the table has their standard deviation [0]",
    )
    add("--unguarded", action="store_true", help="use every adaptation, whatever the guard says")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    options = _parser().parse_args(arguments)
    if options.quick:
        options.arms, options.schedule = QUICK_ARMS, ["short"]
    return options


if __name__ == "__main__":
    sys.exit(main())
