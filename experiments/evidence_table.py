"""The evidence as Markdown: what must be shown, then a table for each set."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.adaptations.registry import NO_ADAPTATION
from experiments.evidence_goals import Goal, shown
from experiments.evidence_scores import ArmEvidence, SetEvidence
from model.adaptation.registry import DEFAULT_ADAPTATION

MET = {True: "yes", False: "**no**", None: "-"}
HEAD = """\
| arm | AP | best F1 | F1 at the card's threshold | F1 - none | F1 - control | AP - none \
| AP - control | FP/mm² | best log odds | adapted | s |
|---|---|---|---|---|---|---|---|---|---|---|---|
"""
LEGEND = f"""\
In brackets 95 % bootstrap intervals over slides, or over images below four slides; differences are
paired. The control of an arm takes the same steps at a reversal weight of 0. FP/mm²: false
positives at the card's threshold per mm² of image; of a left-out domain, per mm² of its patches.
best log odds: of the threshold with the best F1. adapted: share of images whose adaptation the
guard accepted. s: seconds of an adaptation. The default is `{DEFAULT_ADAPTATION}`.
"""


def report(title: str, found: Sequence[Goal], sets: Sequence[SetEvidence]) -> str:
    """Everything as Markdown."""
    return "\n".join([f"# {title}\n", goals_table(found), LEGEND, *map(set_table, sets)])


def goals_table(found: Sequence[Goal]) -> str:
    """The goals, a line each."""
    lines = ["| | must | goal | measured | met |", "|---|---|---|---|---|"]
    lines += [f"| {g.name} | {g.must} | {g.goal} | {g.value} | {MET[g.met]} |" for g in found]
    return "\n".join(lines) + "\n"


def set_table(evidence: SetEvidence) -> str:
    """The arms on one set, a line each."""
    if evidence.images < evidence.planned:
        count = f"{evidence.images} of {evidence.planned} images so far"
    else:
        count = f"{evidence.images} images"
    lines = "".join(_line(name, arm) for name, arm in evidence.arms.items())
    baseline = ""
    if evidence.to_baseline:
        change = shown(evidence.to_baseline["f1"], "+.3f")
        baseline = f"\n{DEFAULT_ADAPTATION} against the baseline's {NO_ADAPTATION}: F1 {change}.\n"
    return f"## {evidence.name}\n\n{count}, {evidence.figures} figures\n\n{HEAD}{lines}{baseline}"


def _line(name: str, arm: ArmEvidence) -> str:
    values = [shown(arm.values[metric]) for metric in ("ap", "best_f1", "f1")]
    changes = [
        shown(to[metric], "+.3f") if to else "-"
        for metric in ("f1", "ap")
        for to in (arm.to_none, arm.to_control)
    ]
    odds = "-" if arm.best_log_odds is None else f"{arm.best_log_odds:.2f}"
    adapted = "-" if name == NO_ADAPTATION else f"{arm.adapted:.0%}"
    cells = [name, *values, *changes, shown(arm.values["density"], ".1f"), odds, adapted]
    return f"| {' | '.join(cells)} | {arm.seconds:.1f} |\n"
