"""Logit adjustment: probabilities of candidates from batches with far more mitotic figures.

Menon et al. 2021, "Long-tail learning via logit adjustment", equation 10: adding the log ratio of
the class priors to the logits in the loss makes the logits without it those of the other prior.
"""

from __future__ import annotations

import torch

from model.network import MITOTIC
from training.recipe import Recipe
from training.samples import Samples


def logit_adjustment(recipe: Recipe, samples: Samples) -> torch.Tensor:
    """(2,) float32 to add to the mitosis branch's logits in the loss; zeros without a prior."""
    adjustment = torch.zeros(2)
    if recipe.candidate_share is None:
        return adjustment
    drawn, real = training_share(recipe, samples), recipe.candidate_share
    priors = torch.tensor([drawn / real, (1 - drawn) / (1 - real)]).log()
    adjustment[MITOTIC], adjustment[1 - MITOTIC] = priors
    return adjustment


def training_share(recipe: Recipe, samples: Samples) -> float:
    """Mitotic share of the labelled patches that the recipe draws."""
    if recipe.epochs:
        return float(samples.mitotic[samples.labelled].mean())
    return recipe.mixture.mitotic / (1 - recipe.mixture.unlabelled)
