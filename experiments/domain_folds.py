"""Compare adaptations on domains left out: each target's network has not seen its scanner and lab.

For each domain of the crops a network is trained on the others (training.domain_folds; RUNS keeps
it) and its bank is selected. The target images are montages of the domain's crops
(training.montage). An adaptation's threshold for a domain is the one that is best for it on the
other domains.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from evaluation import ScoringError
from evaluation.ground_truth import AnnotatedImage
from experiments.ablation import (
    RESULTS_FILE,
    Wish,
    adapt_once,
    add_arm_options,
    keep_apart,
    read_results,
    wanted_adaptations,
)
from experiments.ablation_table import summarise, write_scores
from model.adaptation.base import AdaptationSettings
from model.adaptation.calibration import Calibration
from model.detector import Detector, DetectorSettings
from model.precision import choose_device, choose_precision
from model.weights import file_sha256
from slide.image import Image
from training.domain_folds import add_fold_options, fold_bank, train_fold
from training.montage import MPP, TILE, Montage, draw_montages
from training.runs import NETWORK_FILE, load_run
from training.select_bank import Selection
from training.virtual_scanners import AS_IT_IS

# Only a difference of thresholds: each arm's is chosen on the other domains.
REFERENCE, THRESHOLD = -1.5, 0.95
EXAMPLES = """\
examples:
  python -m experiments.domain_folds DATA RUNS OUT --arms none calibrated dann --schedule short
  python -m experiments.domain_folds DATA RUNS OUT --domains leica_scn400_netherlands

What RUNS and OUT have already is not done again. OUT gets results.jsonl, table.md and figure.png.
"""


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        keep_apart(options.out, _settings(options))
        montages = list(run(options))
        rows, truth = by_slide(read_results(options.out), montages)
        summary = summarise(rows, truth)
        write_scores(summary, options.out)
    except (ScoringError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def run(options: argparse.Namespace) -> Iterator[Montage]:
    """Add to results.jsonl what is not there yet; the montages, domain by domain."""
    done = {
        (row["image"], Wish(row["arm"], row["seed"], row["schedule"]))
        for row in read_results(options.out)
    }
    for domain in options.domains:
        montages = list(draw_montages(options.data, domain, options.share, options.draws))
        yield from montages
        folder = train_fold(options.data, options.runs, domain, options.preset)
        missing = [
            (montage, wish)
            for montage in montages
            for wish in wanted_adaptations(options)
            if (montage.name, wish) not in done
        ]
        if not missing:
            continue
        selection = Selection(negatives=options.negatives)
        detector = load_fold(options.data, folder, selection, not options.unguarded)
        with (options.out / RESULTS_FILE).open("a") as file:
            for row in adapt_all(detector, missing):
                file.write(json.dumps(row) + "\n")
                file.flush()


def adapt_all(detector: Detector, missing: list[tuple[Montage, Wish]]) -> Iterator[dict[str, Any]]:
    """A row for each adaptation to a montage."""
    prepared, last = None, None
    for montage, wish in missing:
        if prepared is None or montage.name != last:
            image = Image(montage.pixels, (MPP / 1000, MPP / 1000), (0.0, 0.0))
            centres = montage.centres
            prepared = detector.prepare(image, lambda _, centres=centres: centres)  # type: ignore[misc]
            last = montage.name
        yield {"image": montage.name} | adapt_once(detector, prepared, wish)


def load_fold(data: Path, folder: Path, selection: Selection, guarded: bool = True) -> Detector:
    """A detector with the network of a fold and its bank."""
    network, summary = load_run(folder)
    sha256 = file_sha256(folder / NETWORK_FILE)
    bank = fold_bank(data, folder, selection)
    device = choose_device("auto")
    schedule = AdaptationSettings(
        reversal_weight=summary["recipe"]["reversal_weight"],
        precision=choose_precision("auto", device),
    )
    settings = DetectorSettings(
        "none", schedule, THRESHOLD, calibration=Calibration(REFERENCE), guarded=guarded
    )
    return Detector(network, bank, settings, device, sha256)


def by_slide(
    rows: list[dict[str, Any]], montages: list[Montage]
) -> tuple[list[dict[str, Any]], dict[str, AnnotatedImage]]:
    """Rows and ground truth of the slides in each montage, so that intervals draw slides."""
    truth, parts = {}, []
    for montage in montages:
        tiles = {
            str(s): np.flatnonzero(montage.slides == s).tolist() for s in np.unique(montage.slides)
        }
        for slide, here in tiles.items():
            truth[f"{montage.name}/{slide}"] = AnnotatedImage(
                file_name=f"{slide}.tif",
                figures=montage.centres[here][montage.mitotic[here]],
                hard_negatives=np.zeros((0, 2)),
                size=(TILE, TILE * len(here)),
                mpp=(MPP, MPP),
                slide=slide,
                domain=montage.domain,
                tissue=montage.domain,
            )
        for row in rows:
            if row["image"] != montage.name:
                continue
            found = [
                (str(montage.slides[int(y) // TILE]), [x, y], probability)
                for (x, y), probability in zip(row["points"], row["probabilities"], strict=True)
            ]
            for slide in tiles:
                mine = [(point, probability) for s, point, probability in found if s == slide]
                parts.append(
                    row
                    | {
                        "scanner": AS_IT_IS,
                        "image": f"{montage.name}/{slide}",
                        "points": [point for point, _ in mine],
                        "probabilities": [probability for _, probability in mine],
                    }
                )
    return parts, truth


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "preset": Path(options.preset).read_text(),
        "share": options.share,
        "guarded": not options.unguarded,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.domain_folds",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("data", type=Path, help="folder with crops/")
    add("runs", type=Path, help="folder of the trained networks, each in no_DOMAIN")
    add("out", type=Path, help="folder for the results; an interrupted run goes on from it")
    add_fold_options(parser)
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
