"""Compare adaptations on domains left out: the network has not seen the scanner and laboratory.

For each domain of the crops a network is trained on the others (training.domain_folds; RUNS keeps
it) and its bank is selected. The target images are montages of the domain's crops
(training.montage). An arm's threshold for a domain is the one that is best for it on the other
domains.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evaluation import ScoringError
from evaluation.annotated_image import AnnotatedImage
from experiments.ablation_table import write_scores
from experiments.adaptations.registry import ARMS, NO_ADAPTATION
from experiments.arm_scores import summarise
from experiments.arms import Setup, trials
from experiments.cases import SCANNERS, VIRTUAL_SCANNERS, Field
from experiments.options import add_arm_options
from experiments.results import Results, Row
from experiments.runs import missing_trials, run_missing
from model.adaptation.base import AdaptationSettings
from model.adaptation.calibration import Calibration
from model.detector import DetectorSettings
from model.precision import choose_device, choose_precision
from training.bank_selection import Selection
from training.domain_folds import add_fold_options, fold_bank, train_fold
from training.montage import MPP, TILE, Montage, draw_montages
from training.runs import load_run

# Only differences of thresholds matter: each arm's is chosen on the other domains.
THRESHOLD, UNTUNED = 0.95, Calibration(-1.5)
EXAMPLES = """\
examples:
  python -m experiments.left_out_domains DATA RUNS OUT --arms none calibrated dann --schedule short
  python -m experiments.left_out_domains DATA RUNS OUT --domains leica_scn400_netherlands

What RUNS and OUT have already is not done again. OUT gets results.jsonl, table.md and figure.png.
"""


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        results = Results(options.out, _settings(options))
        montages = run(options, results)
        rows, truth = by_slide(results.rows, montages)
        write_scores(summarise(rows, truth), options.out)
    except (ScoringError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


class LeftOutImage(NamedTuple):
    """A montage under a virtual scanner, which sees it as it sees a whole field."""

    scanner: str
    montage: Montage

    @property
    def image(self) -> str:
        """Name of the montage."""
        return self.montage.name

    def read(self) -> Field:
        """The montage's pixels, with the tiles' middles as candidates."""
        pixels = VIRTUAL_SCANNERS[self.scanner](self.montage.pixels)
        return Field(pixels, MPP, centres=self.montage.centres)


def run(options: argparse.Namespace, results: Results) -> list[Montage]:
    """Add the results that are missing; the montages of all domains."""
    wanted = trials(options.arms, options.seeds, options.schedule)
    everything = []
    for domain in options.domains:
        montages = list(draw_montages(options.data, domain, options.share, options.draws))
        everything += montages
        fold = train_fold(options.data, options.runs, domain, options.preset)
        images = [
            LeftOutImage(name, montage)
            for name in SCANNERS[options.scanners]
            for montage in montages
        ]
        missing = missing_trials(images, wanted, results.rows)
        if missing:
            selection = Selection(negatives=options.negatives)
            setup = load_fold(options.data, fold, selection, guarded=not options.unguarded)
            run_missing(setup, missing, results, domain)
    return everything


def load_fold(
    data: Path,
    fold: Path,
    selection: Selection,
    *,
    threshold: float = THRESHOLD,
    calibration: Calibration | None = UNTUNED,
    guarded: bool = True,
) -> Setup:
    """The network of a fold and its bank.

    Args:
        data: the data folder, from which the bank is selected if there is none.
        fold: run of the network.
        selection: of the bank.
        threshold: probability from which a detection is a mitotic figure.
        calibration: of the scores.
        guarded: whether the guard can refuse an adaptation.
    """
    network, summary = load_run(fold)
    bank = fold_bank(data, fold, selection)
    device = choose_device("auto")
    settings = DetectorSettings(
        ARMS[NO_ADAPTATION],
        AdaptationSettings(
            reversal_weight=summary["recipe"]["reversal_weight"],
            precision=choose_precision("auto", device),
        ),
        threshold,
        calibration=calibration,
        guarded=guarded,
    )
    return Setup(network, bank, settings, device, bank.weights_sha256)


def by_slide(
    rows: list[Row], montages: Sequence[Montage]
) -> tuple[list[Row], dict[str, AnnotatedImage]]:
    """Rows and ground truth of the slides in each montage, so that intervals draw slides."""
    truth: dict[str, AnnotatedImage] = {}
    parts: list[Row] = []
    for montage in montages:
        slides = [str(slide) for slide in np.unique(montage.slides)]
        truth |= {f"{montage.name}/{slide}": _slide_truth(montage, slide) for slide in slides}
        for row in rows:
            if row["image"] == montage.name:
                parts += [_slide_row(row, montage, slide) for slide in slides]
    return parts, truth


def _slide_truth(montage: Montage, slide: str) -> AnnotatedImage:
    here = montage.slides == slide
    return AnnotatedImage(
        file_name=f"{slide}.tif",
        figures=montage.centres[here & montage.mitotic],
        hard_negatives=np.zeros((0, 2)),
        size=(TILE, TILE * int(here.sum())),
        mpp=(MPP, MPP),
        slide=slide,
        domain=montage.domain,
        tissue=montage.domain,
    )


def _slide_row(row: Row, montage: Montage, slide: str) -> Row:
    points = np.array(row["points"], float).reshape(-1, 2)
    tile = (points[:, 1] // TILE).astype(int)
    mine = montage.slides[tile] == slide
    return row | {
        "image": f"{montage.name}/{slide}",
        "points": points[mine].tolist(),
        "probabilities": np.array(row["probabilities"], float)[mine].tolist(),
    }


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "preset": Path(options.preset).read_text(),
        "share": options.share,
        "guarded": not options.unguarded,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.left_out_domains",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("data", type=Path, help="folder with crops/")
    add("runs", type=Path, help="folder of the trained networks, each in no_DOMAIN")
    add("out", type=Path, help="folder for the results; an interrupted run continues from it")
    add_fold_options(parser)
    add("--scanners", choices=SCANNERS, default="none", help="virtual scanners [%(default)s]")
    add("--share", type=float, default=0.005, help="mitotic share of an image [%(default)s]")
    add("--draws", type=int, default=4, help="images of a domain at most [%(default)s]")
    add(
        "--negatives",
        type=int,
        default=Selection.negatives,
        help="confident negatives of each domain in a bank [%(default)s]",
    )
    add_arm_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
