"""Choose threshold and calibration out of fold: DATA RUN..., or --run RUN for MIDOG's images.

Every image is scored by a network that has not seen its domain. Each run scores what it was
trained without: the whole fields (slides A00 to A02), or the left-out domain of the crops, at the
mitotic share of real candidates. Each domain counts alike (training/threshold_rule.py).

A threshold chosen on balanced patches is far too low for whole fields, where negatives outnumber
mitotic figures by hundreds to one, and one chosen on images of the training is too high.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from batch.writing import write_json
from model.adaptation.calibration import QUANTILE, Calibration
from training import threshold_rule
from training.averaging import released_network
from training.domain_folds import left_out_domain
from training.field_scores import (
    ScoredCandidates,
    score_domain_candidates,
    score_field_candidates,
)
from training.icpr_2012 import FIELD_MPP, PARIS, SELECTION_SLIDES, field_figures, field_images
from training.midog_data import MidogChoice
from training.reliability import reliability_curve
from training.runs import load_run

# Form and reference of the calibration were chosen together on left-out domains, dense pieces and
# virtual scanners; references near this one do as well (experiments/LOG.md).
CALIBRATION = Calibration(reference=-1.6, half_trusted=500, below_log_odds=2.5)
CANDIDATE_SHARE = 0.002  # of mitotic figures; fields A00 to A02 have 102 in 55,200 candidates
IMAGES = 40  # of a domain of the crops at most


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if bool(options.run) == bool(options.runs):
        parser.error("either DATA and RUN..., or --run RUN")
    try:
        chosen = (
            choose_on_validation(options.run)
            if options.run
            else choose_out_of_fold(options.data, options.runs, options.share)
        )
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    write_json(options.json, chosen)
    print(report(chosen))
    return 0


def choose_out_of_fold(
    data: Path, runs: list[Path], share: float = CANDIDATE_SHARE
) -> dict[str, Any]:
    """The choice on what the runs were trained without, see `choose`.

    Raises:
        ValueError: a run left out nothing, or what another left out too.
    """
    return choose(score_left_out(data, runs, share)) | {
        "scored_on": "slides and domains that the scoring network was trained without",
        "candidate_share": share,
    }


def choose_on_validation(run: Path) -> dict[str, Any]:
    """The choice on a MIDOG run's validation images, each of its scanners a domain."""
    network, (_, summary) = released_network(run), load_run(run)
    data = MidogChoice.of_run(summary).load()
    scored: list[ScoredCandidates] = []
    for image in data.stored(data.validation):
        figures = {image.source.file: image.place(image.annotated.figures)}
        scored += score_field_candidates(
            network, [image.source], figures, image.mpp[0], data.choice.candidates
        )
    return choose(scored) | {"scored_on": "validation images, which were not trained on"}


def choose(scored: Sequence[ScoredCandidates]) -> dict[str, Any]:
    """The threshold of calibrated scores, the calibration, and what they were chosen on.

    Raises:
        ValueError: no domain has a mitotic figure.
    """
    threshold = threshold_rule.choose([image.detections(CALIBRATION) for image in scored])
    return {
        "rule": threshold_rule.RULE,
        "threshold": threshold,
        "slides": sorted({str(image.slide) for image in scored}),
        "figures": sum(len(image.figures) for image in scored),
        "without_calibration": _described(scored, None, threshold),
        "calibrated": _described(scored, CALIBRATION, threshold),
        "calibration": {"quantile": QUANTILE, **asdict(CALIBRATION)},
    }


def _described(
    scored: Sequence[ScoredCandidates], calibration: Calibration | None, threshold: float
) -> dict[str, Any]:
    """Scores at the threshold, and the reliability curve."""
    detections = [image.detections(calibration) for image in scored]
    probabilities = [image.calibrated(calibration) for image in scored]
    return threshold_rule.describe(detections, threshold) | {
        "reliability": reliability_curve(scored, probabilities)
    }


def score_left_out(data: Path, runs: list[Path], share: float) -> list[ScoredCandidates]:
    """Candidates of everything that the runs were trained without, each scored by its run.

    Raises:
        ValueError: a run left out nothing, or what another left out too.
    """
    left_out = [_left_out(run) for run in runs]
    for number, (run, names) in enumerate(zip(runs, left_out, strict=True)):
        if not names:
            raise ValueError(f"{run} left out no domain and no slide, so it can score none")
        if again := sorted(names & set().union(*left_out[:number])):
            raise ValueError(f"{run} left out {', '.join(again)}, as another run did")
    scored: list[ScoredCandidates] = []
    for run, names in zip(runs, left_out, strict=True):
        network, domain = released_network(run), left_out_domain(run)
        if domain is not None:
            scored += score_domain_candidates(network, data, domain, share, IMAGES)
        else:
            images = field_images(data, "fields_a", names)
            figures = field_figures(data, "fields_a")
            scored += score_field_candidates(network, images, figures, FIELD_MPP[PARIS])
    return scored


def report(chosen: dict[str, Any]) -> str:
    """The choice in lines: a domain each."""
    lines = [
        f"threshold {chosen['threshold']:.4f} on {chosen['figures']} figures, calibration "
        f"reference {chosen['calibration']['reference']:.3f}"
    ]
    for name in ("without_calibration", "calibrated"):
        found = chosen[name]
        lines.append(
            f"{name}: mean F1 {found['f1']:.3f} ({found['f1_by_best_f1']:.3f} of the best), "
            f"mean AP {found['ap']:.3f}"
        )
        lines += [
            f"  {domain}: F1 {row['f1']:.3f} of at most {row['best_f1']:.3f}, AP {row['ap']:.3f}"
            for domain, row in found["by_domain"].items()
        ]
    return "\n".join(lines)


def _left_out(run: Path) -> set[str]:
    """The left-out domain of a run, or the whole-field slides that it was not trained on."""
    domain = left_out_domain(run)
    if domain is not None:
        return {domain}
    return set(SELECTION_SLIDES) - set(load_run(run)[1]["whole_field_slides"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.threshold",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("data", type=Path, nargs="?", help="folder with fields_a/, crops/ and crops_md/")
    add(
        "runs",
        type=Path,
        nargs="*",
        help="runs that score what they were trained without: the run to be released for the "
        "whole fields, and those of training.domain_folds for the domains of the crops",
    )
    add("--run", type=Path, help="instead: a run of training.train --midog")
    add(
        "--share",
        type=float,
        default=CANDIDATE_SHARE,
        help="mitotic share of the candidates of the crops' domains [%(default)s]",
    )
    add("--json", type=Path, required=True, help="file to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
