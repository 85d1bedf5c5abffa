"""One step of the optimiser on both cross entropies (paper, section 2.2)."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy

from model.patches import normalise
from model.precision import arithmetic
from training import schedules
from training.batches import Batch
from training.compute import Compute
from training.recipe import Recipe
from training.samples import NO_CLASS, NO_DOMAIN
from training.state import TrainingState


def training_step(
    state: TrainingState, batch: Batch, recipe: Recipe, compute: Compute, step: int
) -> dict[str, torch.Tensor]:
    """Take a step, counted from 0; the losses and accuracies of its batch.

    A loss is the sum over this process's samples divided by the mean number of samples per
    process, so the mean over the processes is the loss of the whole batch, for gradients and
    reported numbers alike.
    """
    for group in state.optimiser.param_groups:
        group["lr"] = schedules.learning_rate(step, recipe)
    batch = batch.to(compute.device)
    mitosis, scanner = _forward(state, batch.patches, recipe, compute, step)
    with_class, with_domain = (batch.counts.clamp(min=1) / compute.world).tolist()
    mitosis = mitosis.float() + state.adjustment
    # The target's logit has no examples unless unlabelled domains are its examples.
    scanner = scanner[:, : state.scanner_classes].float()
    mitosis_loss = _summed(mitosis, batch.mitotic, NO_CLASS) / with_class
    scanner_loss = _summed(scanner, batch.domain, NO_DOMAIN) / with_domain
    state.optimiser.zero_grad()
    (mitosis_loss + scanner_loss).backward()
    state.optimiser.step()
    return {
        "mitosis_loss": mitosis_loss,
        "scanner_loss": scanner_loss,
        "mitosis_accuracy": (mitosis.argmax(1) == batch.mitotic).sum() / with_class,
        "scanner_accuracy": (scanner.argmax(1) == batch.domain).sum() / with_domain,
    }


def _summed(logits: torch.Tensor, classes: torch.Tensor, none: int) -> torch.Tensor:
    """Cross entropy summed over the samples that have a class."""
    return cross_entropy(logits, classes, reduction="sum", ignore_index=none)


def _forward(
    state: TrainingState, patches: torch.Tensor, recipe: Recipe, compute: Compute, step: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of both branches; layers below the recipe's cut stay in evaluation mode."""
    cut = recipe.frozen_below
    inputs = normalise(patches).contiguous(memory_format=torch.channels_last)
    state.parallel.eval()
    for module in state.network.modules_above(cut):
        module.train()
    with arithmetic(compute.precision, compute.device):
        with torch.no_grad():
            activations = state.network.below(inputs, cut)
        mitosis, scanner = state.parallel(activations, cut, schedules.reversal_weight(step, recipe))
    return mitosis, scanner
