"""Propose a threshold from annotated fields: python -m evaluation.threshold --help"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation import ScoringError
from evaluation.bootstrap import FEWEST_SLIDES, RESAMPLES
from evaluation.counts import Counts
from evaluation.ground_truth import some
from evaluation.run import Run, load_run
from evaluation.scored_image import ScoredImage
from evaluation.threshold_choice import (
    ACCEPTED_LOSS,
    FEWEST_FIGURES,
    NoProposal,
    ThresholdChoice,
    choose_threshold,
)

ABOUT = f"""\
Propose a threshold from your own annotated fields.

OUTPUT is what process.py wrote for the fields, ANNOTATIONS has their mitotic figures in MIDOG's
JSON. The proposal is the threshold of the largest F1 over all fields, averaged over bootstrap
resamples of the slides, or of the fields if there are fewer than {FEWEST_SLIDES} slides.
Annotate whole fields: every detection without an annotation counts as a false positive.

A choice is called useful if there are at least {FEWEST_FIGURES} mitotic figures, in more than one
field, and if choosing on so few loses at most {ACCEPTED_LOSS} of F1 on average. The threshold holds
for the same weights and the same --adaptation.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; the exit status is 0, 1 without a proposal, 2 for files that are wrong."""
    options = _parser().parse_args(arguments)
    try:
        run = load_run(options.output, options.annotations, with_missing=False)
        images = [i for i in run.images if i.name not in run.failed]
        for remark in _remarks(run):
            print(remark)
        choice = choose_threshold(images, options.resamples, options.seed)
        print("\n".join(describe(images, choice)))
        if options.json is not None:
            options.json.write_text(json.dumps(as_json(images, choice), indent=2) + "\n")
    except NoProposal as reason:
        print(f"No threshold can be proposed: {reason}.")
        return 1
    except (ScoringError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def describe(images: Sequence[ScoredImage], choice: ThresholdChoice) -> list[str]:
    """The proposal in sentences, the last one the option that uses it."""
    figures = sum(len(image.figures) for image in images)
    interval = (
        f" (95 % bootstrap interval {choice.low:.2g} to {choice.high:.2g}, "
        f"{_count(choice.units, choice.unit)})"
        if math.isfinite(choice.low)
        else " (one field has no bootstrap interval)"
    )
    return [
        f"{_count(len(images), 'field')} with {_count(figures, 'mitotic figure')}.",
        f"Threshold of the results: {_thresholds(images)}: {_scores(choice.before)}.",
        *_nothing_found(choice),
        f"Proposed threshold: {choice.proposed:g}{interval}: {_scores(choice.counts)}.",
        *_worth(choice),
        _verdict(choice),
        f"To use it: ./run.sh INPUT OUTPUT --threshold {choice.proposed:g}",
    ]


def as_json(images: Sequence[ScoredImage], choice: ThresholdChoice) -> dict[str, Any]:
    """Everything that was computed; None for what is not defined."""
    values = {
        **choice._asdict(),
        "gain": list(choice.gain),
        "counts": choice.counts._asdict(),
        "before": choice.before._asdict(),
        "fields": len(images),
        "figures": sum(len(image.figures) for image in images),
        "useful": choice.useful,
    }
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }


def _nothing_found(choice: ThresholdChoice) -> list[str]:
    if choice.before.true_positives:
        return []
    return [
        "At the threshold of the results no annotated figure is found: all those that were "
        "detected have a lower probability."
    ]


def _worth(choice: ThresholdChoice) -> list[str]:
    lines = []
    if math.isfinite(choice.held_out_f1):
        lines.append(
            f"On fields that were left out of the choice its F1 is {choice.held_out_f1:.2f} on "
            "average; the values above are for the very fields it was chosen on."
        )
    value, low, high = choice.gain
    if math.isfinite(low) and math.isfinite(value):
        certain = "" if low > 0 or high < 0 else ": not distinguishable from the present one"
        lines.append(f"Change in F1: {value:+.3f} [{low:+.3f}, {high:+.3f}]{certain}.")
    return lines


def _verdict(choice: ThresholdChoice) -> str:
    if choice.useful:
        return (
            "The choice is useful: choosing on so many figures loses about "
            f"{max(choice.loss, 0):.3f} of F1 on average."
        )
    needs = []
    if choice.more_figures:
        needs.append(f"about {_count(choice.more_figures, 'more mitotic figure')}")
    if choice.units < 2:
        needs.append("at least one more field")
    return f"Not useful yet: annotate {' and '.join(needs)}."


def _remarks(run: Run) -> list[str]:
    if not run.failed:
        return list(run.notes)
    return [*run.notes, f"Failed, so left out: {some(run.failed)}."]


def _scores(counts: Counts) -> str:
    return (
        f"F1 {counts.f1:.3f}, {counts.true_positives:.0f} found, {counts.false_negatives:.0f} "
        f"missed, {_count(int(counts.false_positives), 'false positive')}"
    )


def _thresholds(images: Sequence[ScoredImage]) -> str:
    values = sorted({image.threshold for image in images})
    ends = sorted({values[0], values[-1]})
    return " to ".join(f"{value:.4g}" for value in ends)


def _count(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.threshold",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("output", type=Path, metavar="OUTPUT", help="OUTPUT of process.py for the fields")
    add("annotations", type=Path, metavar="ANNOTATIONS", help="MIDOG's JSON, or a file like it")
    add("--json", type=Path, metavar="FILE", help="write everything that was computed to FILE")
    add("--resamples", type=int, default=RESAMPLES, help="of the bootstrap (default %(default)s)")
    add("--seed", type=int, default=0, help="of the bootstrap (default %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
