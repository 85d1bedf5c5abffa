"""Probabilities of candidates from batches with more mitotic figures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from model.network import MITOTIC
from test.builders import rendered_samples
from training.logit_adjustment import logit_adjustment, training_share
from training.mixture import Mixture
from training.recipe import Recipe


def test_without_a_candidates_share_nothing_is_added() -> None:
    assert logit_adjustment(Recipe(), rendered_samples()).tolist() == [0, 0]


def test_the_share_is_that_of_the_patches_drawn() -> None:
    samples = rendered_samples()
    assert training_share(Recipe(mixture=Mixture(mitotic=0.2)), samples) == 0.2
    mixture = Mixture(mitotic=0.2, unlabelled=0.5)
    assert training_share(Recipe(mixture=mixture), samples) == 0.4, "of the labelled half"
    assert training_share(Recipe(epochs=1), samples) == samples.mitotic.mean()


@pytest.mark.parametrize("drawn", [0.02, 0.3, 0.5])
def test_trained_logits_give_the_probabilities_of_candidates(drawn: float) -> None:
    """A feature x in {0, 1}; a mitotic figure has x = 1 with 0.9, a negative with 0.1. Trained on
    batches with any share of figures, probabilities follow Bayes' rule at 1 % of figures."""
    real = 0.01
    recipe = Recipe(candidate_share=real, mixture=Mixture(mitotic=drawn))
    adjustment = logit_adjustment(recipe, rendered_samples())
    weights = torch.tensor([[0.9 * (1 - drawn), 0.1 * (1 - drawn)], [0.1 * drawn, 0.9 * drawn]])
    logits = torch.zeros(2, 2, requires_grad=True)  # a row for each x
    optimiser = torch.optim.LBFGS([logits], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        parts = [
            weights[c, x] * cross_entropy(logits[x][None] + adjustment, torch.tensor([c]))
            for c in (0, 1)
            for x in (0, 1)
        ]
        total = torch.stack(parts).sum()
        total.backward()
        return total

    optimiser.step(loss)
    found = logits.detach().softmax(dim=1)[:, MITOTIC].numpy()
    expected = [real * p / (real * p + (1 - real) * (1 - p)) for p in (0.1, 0.9)]
    np.testing.assert_allclose(found, expected, rtol=0.03)
