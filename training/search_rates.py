"""Search for both learning rates with Optuna, as described in the paper (section 3).

    source       of the training, by average precision on the validation images
    adaptation   of the adaptation, on source data alone: each of the given runs was trained with
                 one scanner left out (training.train --leave-out-scanner), whose images are the
                 targets; by the mean over the scanners of the average precision after adaptation

OUTPUT/study.db (SQLite) holds the study: the same command continues after an interruption, until
it has --trials trials. OUTPUT/<name>.json gets the best rate, <name>.png the trials.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import matplotlib
import matplotlib.pyplot as pyplot
import optuna
from optuna.trial import TrialState

from batch.writing import write_json
from evaluation.metrics import average_precision, pool, ranked_curve
from evaluation.scored_image import ScoredImage
from model.adaptation.base import AdaptationSettings
from model.adaptation.registry import find_adaptation
from model.detector import Detector, DetectorSettings
from model.network import CUTS, MitosisNetwork
from model.source_bank import SourceBank
from training.averaging import released_network
from training.bank_selection import select
from training.compute import Compute, add_compute_options, join
from training.initial_network import initial_network
from training.loop import train
from training.midog import MidogError
from training.midog_data import MidogChoice, add_midog_options
from training.midog_store import StoredImage, as_image
from training.preset import read_preset
from training.recipe import Recipe
from training.runs import load_run
from training.select_bank import SELECTIONS
from training.trunk import IMAGENET, Trunk

SOURCE_RATES = (1e-6, 1e-3)  # the paper found 1.0e-5
ADAPTATION_RATES = (1e-7, 1e-4)  # the paper found 1.7e-6
ADAPTATIONS = ("paper", "gradient-reversal")
VALIDATIONS = 5  # of a trial, after each of which it may be pruned
UNPRUNED = 4  # trials that pruning compares with

Objective = Callable[[optuna.Trial], float]


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.what == "source" and not (options.midog and options.annotations):
        parser.error("source needs --midog and --annotations")
    options.output.mkdir(parents=True, exist_ok=True)
    compute = join(options.device, options.precision)
    make = source_objective if options.what == "source" else adaptation_objective
    try:
        objective = make(options, compute)
    except MidogError as error:
        print(f"error: the data cannot be used:\n{error}", file=sys.stderr)
        return 2
    study = run_study(options.what, options.output, options.trials, objective, options.seed)
    print(f"{options.what}: best rate {study.best_params['learning_rate']:.3g}, "
          f"average precision {study.best_value:.4f}, {len(study.trials)} trials")  # fmt: skip
    return 0


def run_study(
    name: str, output: Path, trials: int, objective: Objective, seed: int
) -> optuna.Study:
    """Run or continue a study until it has so many trials, and write its result and plot."""
    study = optuna.create_study(
        storage=f"sqlite:///{output / 'study.db'}",
        study_name=name,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED),
        load_if_exists=True,
    )
    for killed in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(killed.number, state=TrialState.FAIL)
    ended = len(study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED)))
    study.optimize(objective, n_trials=max(trials - ended, 0))
    result = {
        "learning_rate": study.best_params["learning_rate"],
        "average_precision": study.best_value,
        "trials": [
            {"state": t.state.name, "value": t.value, **t.params} for t in study.trials
        ],
    }  # fmt: skip
    write_json(output / f"{name}.json", result)
    matplotlib.use("Agg")
    optuna.visualization.matplotlib.plot_slice(study)
    pyplot.savefig(output / f"{name}.png", dpi=150, bbox_inches="tight")
    pyplot.close()
    return study


def source_objective(options: argparse.Namespace, compute: Compute) -> Objective:
    """Train at a rate; average precision on the validation images.

    Raises:
        MidogError: with every problem of the data.
    """
    preset = read_preset(options.preset)
    data = MidogChoice.from_preset(preset, options).load(compute)
    samples, validation = data.training_samples(), data.validation_samples()
    recipe = Recipe.from_dict(preset["recipe"] | {"seed": options.seed}).for_samples(len(samples))
    steps = options.steps or recipe.steps
    recipe = replace(recipe, steps=steps, validate_every=max(steps // VALIDATIONS, 1))

    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("learning_rate", *SOURCE_RATES, log=True)
        network = initial_network(samples, Trunk(options.trunk), None, options.seed)
        found: list[float] = []

        def watch(step: int, numbers: dict[str, float]) -> None:
            found.append(numbers["validation_ap"])
            trial.report(found[-1], step)
            if trial.should_prune():
                raise optuna.TrialPruned

        run = options.output / f"source-{trial.number}"
        tried = replace(recipe, learning_rate=rate)
        try:
            train(network, samples, tried, run, compute=compute, validation=validation, watch=watch)
        finally:
            (run / "checkpoint.pt").unlink(missing_ok=True)
        return found[-1]

    return objective


class Target(NamedTuple):
    """A scanner that a network was not trained on, and the bank of those it was."""

    scanner: str
    network: MitosisNetwork
    bank: SourceBank
    images: list[StoredImage]
    reversal_weight: float
    candidates: str


def adaptation_objective(options: argparse.Namespace, compute: Compute) -> Objective:
    """Adapt at a rate to images of each scanner; mean average precision.

    Raises:
        MidogError: with every problem of the data.
        ValueError: a run left out no scanner, or more than one.
    """
    targets = [_target(run, options) for run in options.runs]

    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("learning_rate", *ADAPTATION_RATES, log=True)
        found: list[float] = []
        for number, target in enumerate(targets):
            found.append(adapted_ap(target, rate, options, compute))
            trial.report(sum(found) / len(found), number)
            if number + 1 < len(targets) and trial.should_prune():
                raise optuna.TrialPruned
        return sum(found) / len(found)

    return objective


def adapted_ap(target: Target, rate: float, options: argparse.Namespace, compute: Compute) -> float:
    """Average precision over a target's images, each adapted to at a rate."""
    schedule = AdaptationSettings(
        learning_rate=rate,
        max_steps=options.max_steps,
        reversal_weight=target.reversal_weight,
        seed=options.seed,
        precision=compute.precision,
    )
    settings = DetectorSettings(
        find_adaptation(options.adaptation), schedule, 0.5, target.candidates
    )
    detector = Detector(target.network, target.bank, settings, compute.device)
    scored = []
    for stored in target.images:
        image = as_image(stored)
        found = detector.detect(image.pixels, image.mpp)
        figures = stored.place(stored.annotated.figures)
        probabilities = found.probabilities.astype(float)
        scored.append(
            ScoredImage(stored.source.file, found.points, probabilities, figures, stored.mpp)
        )
    return average_precision(ranked_curve(pool(scored)))


def _target(run: Path, options: argparse.Namespace) -> Target:
    _, summary = load_run(run)
    choice = MidogChoice.of_run(summary)
    if len(choice.left_out) != 1:
        raise ValueError(f"{run} left out {choice.left_out or 'no scanner'}: exactly one is needed")
    data, network = choice.load(), released_network(run)
    given = {"negatives": options.negatives, "confidence": options.confidence}
    selection = replace(
        SELECTIONS["paper"], **{name: v for name, v in given.items() if v is not None}
    )
    bank, _ = select(network, data.training_samples(), selection, options.cut, "", options.seed)
    here = [i for i in data.images if i.scanner == choice.left_out[0] and len(i.figures)]
    images = data.stored(here[: options.images])
    weight = summary["recipe"]["reversal_weight"]
    return Target(choice.left_out[0], network, bank, images, weight, choice.candidates)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.search_rates",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="what", required=True)
    source = commands.add_parser("source", help="the rate of the training")
    add_midog_options(source)
    source.add_argument("--preset", default="paper", help="name or file [%(default)s]")
    source.add_argument("--trunk", default=IMAGENET, help="see training.train [%(default)s]")
    source.add_argument("--steps", type=int, help="of a trial [the preset's]")
    adaptation = commands.add_parser("adaptation", help="the rate of the adaptation")
    adaptation.add_argument("runs", type=Path, nargs="+", help="each with one scanner left out")
    adaptation.add_argument(
        "--adaptation", choices=ADAPTATIONS, default="paper", help="[%(default)s]"
    )
    adaptation.add_argument("--images", type=int, default=5, help="of a scanner [%(default)s]")
    adaptation.add_argument("--cut", type=int, choices=CUTS, default=0, help="[%(default)s]")
    adaptation.add_argument("--negatives", type=int, help="of a scanner in the bank [the paper's]")
    adaptation.add_argument("--confidence", type=float, help="of the bank's patches [0.9]")
    adaptation.add_argument("--max-steps", type=int, help="of an adaptation [whole epochs]")
    for command in (source, adaptation):
        add = command.add_argument
        add("--output", type=Path, required=True, help="folder of the study")
        add("--trials", type=int, default=20, help="[%(default)s]")
        add_compute_options(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
