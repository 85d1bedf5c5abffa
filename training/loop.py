"""The training loop: batches in, averaged network out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from model.network import MitosisNetwork
from training.batches import BatchSource, EveryPatch
from training.checkpoint import Checkpoint
from training.compute import SINGLE_PROCESS, Compute
from training.metrics_log import metrics_log
from training.patch_scores import hardest_negatives, validate
from training.recipe import Recipe
from training.samples import Samples
from training.scanner_branch import with_source_domains
from training.schedules import checkpoint_due, mining_steps, segments, validation_steps
from training.state import TrainingState
from training.statistics import set_candidate_statistics
from training.step import training_step

Watch = Callable[[int, dict[str, float]], None]  # called after each validation: step and numbers


def train(
    network: MitosisNetwork,
    samples: Samples,
    recipe: Recipe,
    run: Path,
    *,
    compute: Compute = SINGLE_PROCESS,
    validation: Samples | None = None,
    watch: Watch = lambda step, numbers: None,
) -> MitosisNetwork:
    """Train a network, continuing from the run's checkpoint if there is one.

    Writes `metrics.jsonl`, the same numbers for TensorBoard, and `checkpoint.pt`. A training that
    was killed continues to the result of an uninterrupted one.

    Args:
        network: changed in place.
        samples: to train on.
        recipe: with its number of steps set, see `Recipe.for_samples`.
        run: folder of the run.
        compute: device, and the processes that share each batch.
        validation: samples that are scored only.
        watch: called after each validation.

    Returns:
        A network of the source domains with the averaged weights, in evaluation mode, on the CPU.

    Raises:
        ValueError: the checkpoint belongs to another recipe or other samples, or the recipe ends
            before its average begins.
    """
    run.mkdir(parents=True, exist_ok=True)
    source = _batches(samples, recipe, compute)
    state = TrainingState.start(network, samples, recipe, compute)
    checkpoint = Checkpoint(run, recipe, samples)
    first = checkpoint.restore(state, source)
    validations = validation_steps(recipe) if validation is not None else set()
    with metrics_log(run, first, recipe, compute) as log:
        for begin, end in segments(first, recipe):
            if begin in mining_steps(recipe):
                source.hard = hardest_negatives(
                    state.averaged, samples, recipe.hard_negatives, compute
                )
            log.start_clock(begin)
            for step, batch in enumerate(source.steps(begin, end), start=begin + 1):
                losses = training_step(state, batch, recipe, compute, step - 1)
                state.update_average(step - 1, recipe)
                log.add_step(step, losses)
                if validation is not None and step in validations:
                    found = validate(state.averaged, validation, compute)
                    log.write(step, found)
                    watch(step, found)
                if compute.first and checkpoint_due(step, recipe):
                    checkpoint.save(state, source, step)
    compute.wait()
    if recipe.candidate_statistics and recipe.candidate_share is not None:
        set_candidate_statistics(
            state.averaged, samples, recipe.candidate_share, recipe.seed, compute
        )
    return with_source_domains(state.averaged.cpu(), len(samples.domains)).eval()


def _batches(samples: Samples, recipe: Recipe, compute: Compute) -> BatchSource:
    """Every sample once per epoch if the recipe counts epochs, else balanced batches."""
    kind = EveryPatch if recipe.epochs else BatchSource
    return kind(samples, recipe.mixture, recipe.augmentation, recipe.seed, compute)
