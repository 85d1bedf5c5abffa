"""Scores of patches, the hardest negatives and average precision."""

from __future__ import annotations

import numpy as np
import torch

from model.network import MITOTIC, MitosisNetwork
from model.patches import normalise
from test.builders import rendered_samples
from training.patch_scores import average_precision, hardest_negatives, score_samples, validate


def network() -> MitosisNetwork:
    torch.manual_seed(0)
    return MitosisNetwork(2).eval()


def test_scores_are_the_log_odds_of_the_middle_of_the_window() -> None:
    samples = rendered_samples()
    index = np.array([5, 0, 2])
    windows = np.stack([samples.window(int(i)) for i in index])[:, 32:96, 32:96]
    with torch.no_grad():
        logits = network()(normalise(torch.from_numpy(windows))).mitosis
    expected = logits[:, MITOTIC] - logits[:, 1 - MITOTIC]
    found = score_samples(network(), samples, index, batch_size=2)
    np.testing.assert_allclose(found, expected, atol=0.02)  # bf16


def test_the_hardest_negatives_score_highest_and_look_alikes_join_them() -> None:
    samples = rendered_samples()
    negatives = np.flatnonzero(~samples.mitotic)
    scores = dict(zip(negatives, score_samples(network(), samples, negatives), strict=True))
    easiest = min(scores, key=lambda index: scores[index])
    samples.hard[easiest] = True
    chosen = set(hardest_negatives(network(), samples, 6).tolist())
    assert easiest in chosen and len(chosen) == 7 and not samples.mitotic[list(chosen)].any()
    mined = chosen - {easiest}
    assert min(scores[i] for i in mined) >= max(v for i, v in scores.items() if i not in mined)


def test_average_precision_by_hand() -> None:
    """Ranks of the mitotic patches: 1, 3 and 4; precision there 1, 2/3 and 3/4."""
    scores = np.array([0.2, 0.9, 0.5, 0.8, 0.1])
    mitotic = np.array([True, True, True, False, False])
    assert average_precision(scores, mitotic) == np.mean([1, 2 / 3, 3 / 4])
    assert np.isnan(average_precision(scores, np.zeros(5, bool)))


def test_validation_loss_is_the_cross_entropy() -> None:
    samples = rendered_samples(figures=3)
    scores = score_samples(network(), samples, np.arange(len(samples)))
    found = validate(network(), samples)
    mitotic = torch.from_numpy(samples.mitotic).double()
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.from_numpy(scores).double(), mitotic
    )
    assert np.isclose(found["validation_loss"], float(expected))
