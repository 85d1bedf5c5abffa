"""Step 2 of the paper: mitosis probabilities of the candidates."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from model.activations import ABOVE, as_input
from model.adaptation.calibration import QUANTILE, log_odds
from model.batches import in_batches
from model.detections import MIN_PROBABILITY
from model.network import MITOTIC, MitosisNetwork
from model.precision import Precision, arithmetic
from model.screen import REJECTED
from model.target import Part, Target

VIEWED = 512  # candidates whose pixels are held in all views at once
# A candidate is seen in all views where that can change a decision: where its log odds are near the
# level that the calibration brings to its reference, 3 below the shipped threshold, or near the
# threshold itself. experiments/LOG.md has what the limits change.
BELOW_LEVEL = 2.0
NEAR_THRESHOLD = -1.6  # log odds


class Scores(NamedTuple):
    """Probabilities (n,) float32 of the candidates, and those of a single view."""

    probabilities: np.ndarray
    one_view: np.ndarray


def score(network: MitosisNetwork, target: Target) -> Scores:
    """Probabilities of the candidates of an image."""
    one_view = score_one_view(network, target)
    return Scores(score_all_views(network, target, one_view), one_view)


def score_one_view(network: MitosisNetwork, target: Target) -> np.ndarray:
    """(n,) float32 probabilities of the candidates as they lie in the image."""
    probabilities = np.zeros(len(target), np.float32)
    for part in target.parts():
        probabilities[part.index] = part.once("one_view", partial(_one_view, network, part))
    return probabilities


def score_all_views(network: MitosisNetwork, target: Target, one_view: np.ndarray) -> np.ndarray:
    """(n,) float32 probabilities of the candidates, given those of one view.

    Those that can be mitotic figures are seen in eight views of two sizes, whose log odds are
    averaged (test-time augmentation: experiments/LOG.md has what it gives). The many others keep
    the probability of the one view.
    """
    probabilities, least = one_view.copy(), least_seen_again(one_view)
    for part in target.parts():
        views = partial(_all_views, network, part, one_view[part.index], least)
        probabilities[part.index] = part.once("all_views", views)
    return probabilities


def least_seen_again(one_view: np.ndarray) -> float:
    """Log odds from which candidates with probabilities (n,) of one view are seen in all views."""
    if len(one_view) == 0:
        return NEAR_THRESHOLD
    level = float(np.quantile(log_odds(one_view), QUANTILE))
    return float(np.clip(level - BELOW_LEVEL, log_odds(MIN_PROBABILITY), NEAR_THRESHOLD))


def _one_view(network: MitosisNetwork, part: Part) -> np.ndarray:
    likely = part.likely()
    probabilities = np.full(len(part), REJECTED, np.float32)
    scores = [
        mitosis_probabilities(network, chunk, part.cut, part.precision) for chunk in part.chunks()
    ]
    probabilities[likely] = torch.cat([torch.zeros(0), *scores]).numpy()
    return probabilities


def _all_views(
    network: MitosisNetwork, part: Part, one_view: np.ndarray, least: float
) -> np.ndarray:
    probabilities = one_view.copy()
    shown = np.flatnonzero(log_odds(probabilities) >= least)
    for some in np.array_split(shown, -(-len(shown) // VIEWED)) if len(shown) else ():
        views = torch.cat(list(part.views(some)))
        seen = mitosis_probabilities(network, views, part.cut, part.precision)
        odds = seen.logit(eps=1e-7).view(-1, len(some))
        probabilities[some] = odds.mean(dim=0).sigmoid().numpy()
    return probabilities


def mitosis_probabilities(
    network: MitosisNetwork, activations: torch.Tensor, cut: int, precision: Precision
) -> torch.Tensor:
    """(n,) float32 probabilities of the mitotic class from activations at the cut, on the CPU."""
    network.eval()
    compute = partial(_mitotic, network, cut=cut, precision=precision)
    parts = in_batches(compute, activations, ABOVE, network.device)
    return torch.cat([torch.zeros(0), *parts])


def _mitotic(
    network: MitosisNetwork, activations: torch.Tensor, cut: int, precision: Precision
) -> torch.Tensor:
    with torch.inference_mode(), arithmetic(precision, network.device):
        inputs = as_input(activations.to(network.device), cut)
        logits = network(inputs.contiguous(memory_format=torch.channels_last), cut).mitosis
        probabilities: torch.Tensor = logits.float().softmax(dim=1)[:, MITOTIC]
        return probabilities.cpu()
