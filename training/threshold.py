"""Choose the threshold out of fold: each slide is scored by a network that has not seen it.

A threshold chosen on balanced patches is far too low for whole fields, where negatives outnumber
mitotic figures by hundreds to one, and one chosen on slides the network has learnt is too high.
A run trained with --midog has validation images, which it has not learnt: they choose (--run RUN).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from evaluation.metrics import average_precision, best_threshold, pool, ranked_curve
from evaluation.scored_image import ScoredImage
from model.output import write_json
from training.ami_br import FIELD_MPP, PARIS, field_figures, field_images
from training.averaging import released_network
from training.field_scores import score_fields
from training.midog_data import MidogChoice
from training.train import TRAINING_SLIDES, load_run


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.threshold", description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", help="folder with fields_a/")
    parser.add_argument("folds", type=Path, nargs="*", help="runs, each with one slide left out")
    parser.add_argument("--run", type=Path, help="instead: a run of training.train --midog")
    parser.add_argument("--json", type=Path, required=True, help="file to write")
    options = parser.parse_args(arguments)
    if bool(options.run) == bool(options.folds):
        parser.error("either DATA and FOLDS, or --run RUN")
    chosen = (
        choose_on_validation(options.run)
        if options.run
        else choose_threshold(options.data, options.folds)
    )
    write_json(options.json, chosen)
    print(
        f"threshold {chosen['threshold']:.4f}: pooled F1 {chosen['f1']:.3f} on "
        f"{chosen['figures']} figures of {', '.join(chosen['slides'])}, AP {chosen['ap']:.3f}"
    )
    return 0


def choose_threshold(data: Path, folds: list[Path]) -> dict[str, Any]:
    """The threshold with the largest pooled F1, and what it was chosen on.

    Raises:
        ValueError: a run left out no slide, or more than one.
    """
    figures = field_figures(data, "fields_a")
    scored: list[ScoredImage] = []
    by_slide: dict[str, Any] = {}
    for fold in folds:
        _, summary = load_run(fold)
        out = sorted(set(TRAINING_SLIDES) - set(summary["whole_field_slides"]))
        if len(out) != 1:
            raise ValueError(f"{fold} left out {out or 'no slide'}: exactly one is needed")
        fields = field_images(data, "fields_a", set(out))
        here = score_fields(released_network(fold), fields, figures, FIELD_MPP[PARIS])
        best = best_threshold(here)
        by_slide[out[0]] = {
            "figures": int(pool(here).figures.sum()),
            "ap": average_precision(ranked_curve(pool(here))),
            "best_f1": best.counts.f1,
            "best_threshold": best.threshold,
        }
        scored += here
    return _chosen(scored, by_slide)


def choose_on_validation(run: Path) -> dict[str, Any]:
    """The threshold with the largest pooled F1 on a run's validation images, and how it did."""
    network, (_, summary) = released_network(run), load_run(run)
    data = MidogChoice.of_run(summary).load()
    by_slide: dict[str, Any] = {}
    scored: list[ScoredImage] = []
    for stored in data.stored(data.validation):
        figures = {stored.source.file: stored.place(stored.annotated.figures)}
        mpp, candidates = stored.mpp[0], data.choice.candidates
        scored += score_fields(network, [stored.source], figures, mpp, candidates=candidates)
        by_slide[stored.source.slide] = {"figures": len(stored.annotated.figures)}
    rule = "largest pooled F1 over the validation images, which the network was not trained on"
    return {"rule": rule} | _chosen(scored, by_slide)


def _chosen(scored: list[ScoredImage], by_slide: dict[str, Any]) -> dict[str, Any]:
    best = best_threshold(scored)
    return {
        "threshold": best.threshold,
        "f1": best.counts.f1,
        "ap": average_precision(ranked_curve(pool(scored))),
        "figures": int(pool(scored).figures.sum()),
        "slides": sorted(by_slide),
        "by_slide": by_slide,
    }


if __name__ == "__main__":
    sys.exit(main())
