"""The stages of the method, timed beside the plain version: candidates, classification, steps."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from experiments import plain
from experiments.adaptations.registry import ARMS
from experiments.benchmark_scene import Scene, Size, bank_at
from experiments.schedules import BATCH_SIZE, EPOCHS, LEARNING_RATE, PAPER, paper_steps, scheduled
from experiments.timing import Steps, flops, mean_step, measure, with_warm_up
from model.activations import activations_below
from model.adaptation.base import Adapt, AdaptationSettings
from model.candidates import DEFAULT, find_candidates
from model.candidates import PAPER_LITERAL as PAPER_CANDIDATES
from model.source_bank import SourceBank

SHIPPED_METHOD, SAME_METHOD = "paper-frozen", "paper"  # arms


def measure_candidates(pixels: np.ndarray, repeats: int) -> dict[str, Any]:
    """The paper's candidates, plain and here, and the default ones."""
    expected, of_plain = measure(lambda: plain.find_candidates(pixels))
    found, of_ours = measure(lambda: find_candidates(pixels, PAPER_CANDIDATES), repeats)
    default, of_default = measure(lambda: find_candidates(pixels, DEFAULT), repeats)
    return {
        "ratio": ratio(of_plain.seconds, of_ours.seconds),
        "plain_seconds": round(of_plain.seconds, 3),
        "seconds": round(of_ours.seconds, 3),
        "default_seconds": round(of_default.seconds, 3),
        "plain_peak_bytes": of_plain.peak,
        "peak_bytes": of_ours.peak,
        "found": [len(expected), len(found), len(default)],
        "megapixels": round(pixels.shape[0] * pixels.shape[1] / 1e6, 2),
    }


def measure_classification(scene: Scene, size: Size) -> dict[str, Any]:
    """The plain version's patches and classification, per patch."""
    centres = find_candidates(scene.pixels, PAPER_CANDIDATES)[: size.classified]
    network = plain.plain_network(scene.network)

    def work() -> np.ndarray:
        return plain.classify(network, plain.cut_patches(scene.pixels, centres))

    _, measured = measure(work)
    return {
        "plain_seconds_a_patch": measured.seconds / max(len(centres), 1),
        "plain_timed_patches": len(centres),
    }


def measure_adaptation(
    scene: Scene, size: Size, ceiling: dict[str, float], say: Callable[[str], None]
) -> dict[str, Any]:
    """The paper's schedule: plain, the same method here, and above the shipped cut."""
    of_plain = time_plain(scene, size)
    say("adaptation, the same method: cut 0")
    same = time_arm(scene, bank_at(scene, 0), scene.target, ARMS[SAME_METHOD].load(), size.steps)
    say(f"adaptation above cut {scene.cut}")
    activations, below = measure(
        lambda: activations_below(scene.network, scene.target, scene.cut, scene.precision)
    )
    bank, adapt = bank_at(scene, scene.cut), ARMS[SHIPPED_METHOD].load()
    above = time_arm(scene, bank, activations, adapt, size.steps)
    seconds = below.seconds + above.seconds
    patches = EPOCHS * (size.entries + size.candidates)
    runs = {"plain": of_plain, "same_method": same, "above_cut": above}
    return {
        "ratio": ratio(of_plain.seconds, seconds),
        "ratio_same_method": ratio(of_plain.seconds, same.seconds),
        "cut": scene.cut,
        "plain_seconds": round(of_plain.seconds, 1),
        "same_method_seconds": round(same.seconds, 1),
        "seconds": round(seconds, 1),
        "below_cut_seconds": round(below.seconds, 1),
        "patches": patches,
        "patches_per_second": {n: round(patches / s.seconds, 1) for n, s in runs.items()},
        "mflop_a_patch": {name: round(steps.flops / 1e6, 1) for name, steps in runs.items()},
        "share_of_ceiling": {
            name: _share_of_ceiling(patches, steps, ceiling[_precision(scene, name)])
            for name, steps in runs.items()
        },
        "peak_bytes": {name: steps.peak for name, steps in runs.items()},
        "timed_steps": {name: steps.timed for name, steps in runs.items()},
        "steps": above.planned,
    }


def time_plain(scene: Scene, size: Size) -> Steps:
    """The plain loop."""
    first = plain.Source(*(values[:4] for values in scene.source))
    network = plain.plain_network(scene.network)
    counted = flops(
        lambda: plain.adapt(copy.deepcopy(network), first, scene.target[:4], batch_size=8, epochs=1)
    )
    ends: list[float] = []

    def work() -> None:
        plain.adapt(
            network,
            scene.source,
            scene.target,
            epochs=EPOCHS,
            learning_rate=LEARNING_RATE,
            batch_size=BATCH_SIZE,
            reversal_weight=scene.reversal_weight,
            max_steps=with_warm_up(size.plain_steps),
            on_step=lambda _: ends.append(time.perf_counter()),
        )

    _, measured = measure(work)
    planned = paper_steps(size.entries + size.candidates)
    return Steps(*mean_step(ends), planned, counted / 8, measured.peak)


def time_arm(
    scene: Scene, bank: SourceBank, target: torch.Tensor, adapt: Adapt, steps: int | None
) -> Steps:
    """An arm of the detector on a bank, and on activations at the bank's cut."""
    one_step = AdaptationSettings(
        reversal_weight=scene.reversal_weight, precision=scene.precision, max_steps=1, batch_size=8
    )
    counted = flops(lambda: adapt(copy.deepcopy(scene.network), target, bank, one_step))
    ends: list[float] = []
    schedule = paper_schedule(
        scene, with_warm_up(steps), lambda *_: ends.append(time.perf_counter())
    )
    network = copy.deepcopy(scene.network)
    _, measured = measure(lambda: adapt(network, target, bank, schedule))
    planned = paper_steps(len(bank) + len(target))
    return Steps(*mean_step(ends), planned, counted / 8, measured.peak)


def paper_schedule(
    scene: Scene, max_steps: int | None, on_step: Callable[[int, int], None] | None = None
) -> AdaptationSettings:
    """The paper's schedule on this machine, ended after some steps."""
    settings = AdaptationSettings(
        reversal_weight=scene.reversal_weight, precision=scene.precision, on_step=on_step
    )
    return replace(scheduled(PAPER, settings, 0), max_steps=max_steps)


def ratio(first: float, second: float) -> float:
    """Seconds of the first over those of the second."""
    return round(first / max(second, 1e-9), 2)


def _precision(scene: Scene, run: str) -> str:
    return "fp32" if run == "plain" else scene.precision


def _share_of_ceiling(patches: int, steps: Steps, ceiling: float) -> float:
    return round(patches * steps.flops / steps.seconds / 1e9 / ceiling, 3)
