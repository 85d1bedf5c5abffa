"""The report of the evidence, from the results that were kept."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from batch.writing import write_json
from evaluation import ScoringError
from experiments.adaptations.registry import NO_ADAPTATION
from experiments.evidence_arms import EVIDENCE_ARMS, evidence_trials
from experiments.evidence_goals import Measured, goals
from experiments.evidence_scores import (
    Estimate,
    ScoredRows,
    SetEvidence,
    complete_rows,
    differences,
    score_arm,
)
from experiments.evidence_sets import LEFT_OUT, EvidenceSet, load_set, set_names
from experiments.evidence_table import report
from experiments.results import SETTINGS_FILE, Row, read_results
from model.adaptation.registry import DEFAULT_ADAPTATION
from model.weights import load_card

BASELINE = "baseline"  # folder within that of a set


def write_report(options: argparse.Namespace) -> None:
    """Write evidence.json and evidence.md from the results that there are, and print the latter."""
    scored = {}
    sets = []
    for name in set_names():
        if not read_results(set_folder(options.out, name)):
            continue
        chosen = load_set(name, options)
        found = _scored(chosen, options)
        if found.raw:
            scored[name] = found
            sets.append(_evidence(chosen, found, options))
    pooled = _pooled([found for name, found in scored.items() if name.startswith(LEFT_OUT)])
    limits = goals(Measured(sets, pooled, _large_image_seconds(options.speed)))
    shown = [*sets, *([pooled] if pooled is not None else [])]
    weights = load_card(options.weights).sha256
    write_json(
        options.out / "evidence.json",
        {
            "weights": weights,
            "default": DEFAULT_ADAPTATION,
            "goals": [goal.model_dump() for goal in limits],
            "sets": [evidence.model_dump() for evidence in shown],
        },
    )
    text = report(f"Evidence, weights {weights[:12]}", limits, shown)
    (options.out / "evidence.md").write_text(text)
    print(text)


def set_folder(out: Path, name: str) -> Path:
    """The folder of a set's results."""
    return out / name.replace(": ", "_").replace(" ", "_")


def _scored(chosen: EvidenceSet, options: argparse.Namespace) -> ScoredRows:
    folder, card = set_folder(options.out, chosen.name), load_card(options.weights)
    settings = json.loads((folder / SETTINGS_FILE).read_text())
    same = settings["weights"] == card.sha256 or chosen.name.startswith(LEFT_OUT)
    if not same or settings["threshold"] != card.threshold:
        raise ScoringError(f"{folder} holds results of other weights: choose another folder")
    raw = complete_rows(read_results(folder), evidence_trials(options.arms, options.seeds))
    return ScoredRows(raw, *chosen.with_truth(raw), card.threshold)


def _evidence(chosen: EvidenceSet, scored: ScoredRows, options: argparse.Namespace) -> SetEvidence:
    images = {(row["scanner"], row["image"]) for row in scored.raw}
    baseline = read_results(set_folder(options.out, chosen.name) / BASELINE)
    rows = [row for row in baseline if (row["scanner"], row["image"]) in images]
    change = {}
    comparable = len(rows) == len(images) > 0 and options.baseline is not None
    if comparable and DEFAULT_ADAPTATION in options.arms:
        threshold = load_card(options.baseline).threshold
        reference = ScoredRows(rows, *chosen.with_truth(rows), threshold)
        change = differences(scored, DEFAULT_ADAPTATION, reference, NO_ADAPTATION)
    return _set_evidence(chosen.name, scored, len(chosen.images), change)


def _pooled(scored: list[ScoredRows]) -> SetEvidence | None:
    """The left-out domains together; None without results."""
    if not scored:
        return None
    raw: list[Row] = [row for found in scored for row in found.raw]
    rows: list[Row] = [row for found in scored for row in found.rows]
    truth = {name: image for found in scored for name, image in found.truth.items()}
    together = ScoredRows(raw, rows, truth, scored[0].threshold)
    images = len({(row["scanner"], row["image"]) for row in raw})
    return _set_evidence("left-out domains together", together, images, {})


def _set_evidence(
    name: str, scored: ScoredRows, planned: int, to_baseline: dict[str, Estimate]
) -> SetEvidence:
    arms = [arm for arm in EVIDENCE_ARMS if any(row["arm"] == arm for row in scored.raw)]
    return SetEvidence(
        name=name,
        images=len({(row["scanner"], row["image"]) for row in scored.raw}),
        planned=planned,
        figures=scored.figures,
        arms={arm: score_arm(arm, scored, arms) for arm in arms},
        to_baseline=to_baseline,
    )


def _large_image_seconds(speed: Path | None) -> float | None:
    if speed is None:
        return None
    return float(json.loads(speed.read_text())["adaptation"]["default_arm_seconds"])
