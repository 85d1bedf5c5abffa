"""Leave one domain out: each is adapted to by a network that has never seen its scanner and lab.

For each domain of the crops a network is trained on the others (training/domain_fold.toml; RUNS
keeps it), and its bank is selected. The target "image" holds all negatives of the domain, the other
nuclei of its crops, and as many mitotic figures as make the share of `--share`; several such images
take figures in turn. Patches have mirrored borders, as in the training, in both sizes of the views.
An arm's threshold for a domain is the one that is best for it on the other domains.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

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
from model.source_bank import BANK_FILE, load_bank, save_bank
from model.target import WIDE
from model.weights import file_sha256
from slide.image import Image
from training import train
from training.ami_br import CROP_DOMAINS, add_crops
from training.samples import Samples, match_borders
from training.select_bank import MIN_BORDER, Selection, select
from training.virtual_scanners import AS_IT_IS

RECIPE = Path(__file__).with_name("domain_fold.toml")
MPP = 0.25
TILE = WIDE  # px, so that no view of a patch shows its neighbours
# Only a difference of thresholds: each arm's is chosen on the other domains.
REFERENCE, THRESHOLD = -1.5, 0.95
EXAMPLES = """\
examples:
  python -m training.domain_folds DATA RUNS OUT --arms none calibrated dann --schedule short
  python -m training.domain_folds DATA RUNS OUT --domains leica_scn400_netherlands

What RUNS and OUT have already is not done again. OUT gets results.jsonl, table.md and figure.png.
"""


class Montage(NamedTuple):
    """Patches of a domain as one image, a tile below the other.

    Attributes:
        name: of domain and draw.
        domain: that the network has not seen.
        pixels: (n * TILE, TILE, 3) uint8.
        mitotic: (n,) bool of the tiles.
        slides: (n,) of the tiles.
    """

    name: str
    domain: str
    pixels: np.ndarray
    mitotic: np.ndarray
    slides: np.ndarray

    @property
    def centres(self) -> np.ndarray:
        """(n, 2) x, y in px of the tiles."""
        middle = TILE // 2
        y = np.arange(len(self.mitotic)) * TILE + middle
        return np.stack([np.full(len(y), middle), y], axis=1).astype(float)


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
        folder = fold(options.data, options.runs, domain, options.preset)
        missing = [
            (montage, wish)
            for montage in montages
            for wish in wanted_adaptations(options)
            if (montage.name, wish) not in done
        ]
        if not missing:
            continue
        selection = Selection(negatives=options.negatives)
        detector = load_fold(options.data, folder, domain, selection, not options.unguarded)
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


def fold(data: Path, runs: Path, domain: str, preset: str) -> Path:
    """The finished run that a domain was left out of, trained where there is none."""
    folder = runs / f"no_{domain}"
    if not (folder / train.RUN_FILE).exists():
        words = [str(data), str(folder), "--preset", preset, "--leave-out-domain", domain]
        status = train.main(words)
        if status:
            raise ScoringError(f"the training of {folder} failed")
    _, told = train.load_run(folder)
    if told["domains"] != train.crop_domains(domain):
        raise ScoringError(f"{folder} knows {told['domains']}: {domain} was not left out")
    return folder


def load_fold(
    data: Path, folder: Path, domain: str, selection: Selection, guarded: bool = True
) -> Detector:
    """A detector with the network of a fold and its bank, which is selected where there is none."""
    network, told = train.load_run(folder)
    sha256 = file_sha256(folder / train.NETWORK_FILE)
    if not (folder / BANK_FILE).exists():
        samples = train.load_samples(data, set(), leave_out_domain=domain)
        bank, entries = select(network, samples, selection, 3, sha256)
        save_bank(folder, bank, entries)
    bank = load_bank(folder, sha256, told["domains"])
    device = choose_device("auto")
    schedule = AdaptationSettings(
        reversal_weight=told["recipe"]["reversal_weight"],
        precision=choose_precision("auto", device),
    )
    settings = DetectorSettings(
        "none", schedule, THRESHOLD, calibration=Calibration(REFERENCE), guarded=guarded
    )
    return Detector(network, bank, settings, device, sha256)


def draw_montages(
    data: Path, domain: str, share: float, draws: int, seed: int = 0
) -> Iterator[Montage]:
    """The target images of a domain.

    Args:
        data: folder with crops/.
        domain: of the patches.
        share: of mitotic figures in an image.
        draws: images at most; no figure is in two.
        seed: of the order of the figures, and of their borders.
    """
    samples = Samples([domain])
    add_crops(samples, data)
    random = np.random.default_rng(seed)
    match_borders(samples, random)
    negatives = np.flatnonzero(~samples.mitotic & (samples.borders.min(axis=1) >= MIN_BORDER))
    figures = random.permutation(np.flatnonzero(samples.mitotic))
    count = max(round(share / (1 - share) * len(negatives)), 1)
    for number in range(min(draws, len(figures) // count)):
        index = np.sort(np.append(negatives, figures[number * count : (number + 1) * count]))
        yield Montage(
            f"{domain}/{number}",
            domain,
            np.concatenate([samples.window(int(i), side=TILE) for i in index]),
            samples.mitotic[index],
            np.array([samples.images[samples.image[i]].slide for i in index]),
        )


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
        prog="python -m training.domain_folds",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("data", type=Path, help="folder with crops/")
    add("runs", type=Path, help="folder of the trained networks, each in no_DOMAIN")
    add("out", type=Path, help="folder for the results; an interrupted run goes on from it")
    add(
        "--domains",
        nargs="+",
        choices=list(CROP_DOMAINS.values()),
        default=list(CROP_DOMAINS.values()),
        metavar="DOMAIN",
        help="to be left out, one after the other [all five]",
    )
    add("--share", type=float, default=0.005, help="mitotic share of an image [%(default)s]")
    add("--draws", type=int, default=4, help="images of a domain at most [%(default)s]")
    add(
        "--negatives",
        type=int,
        default=Selection.negatives,
        help="confident negatives of each domain in a bank [%(default)s]",
    )
    add("--preset", default=str(RECIPE), help="recipe of the networks [training/domain_fold.toml]")
    add_arm_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
