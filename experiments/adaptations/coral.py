"""Alignment without an adversary: means and covariances of the features (Sun and Saenko 2016).

Deep CORAL matches covariances; here the means are matched as well, and every feature is measured in
standard deviations of the source, so that one weight fits all networks.
"""

from __future__ import annotations

import torch

from experiments.adaptations.matched import Mix, adapt_matched
from model.adaptation.base import AdaptationSettings, Adapted
from model.adaptation.diagnostics import features_of
from model.adaptation.steps import Losses
from model.network import MitosisNetwork
from model.source_bank import SourceBank

WEIGHT = 1.0  # of the alignment against the class loss
REFERENCE = 1024  # entries that the standard deviations are taken from


def adapt(
    network: MitosisNetwork, target: torch.Tensor, bank: SourceBank, settings: AdaptationSettings
) -> Adapted:
    """Bring mean and covariance of the image's features to those of the source."""
    entries = bank.entries_to_adapt_with()
    entries = entries[:: max(len(entries) // REFERENCE, 1)]
    source = features_of(network, bank.activations(entries), bank.cut, settings.precision)
    spread = source.std(dim=0).clamp(min=1e-3 * float(source.std()) + 1e-8)

    def align(source: torch.Tensor, image: torch.Tensor, mix: Mix) -> tuple[torch.Tensor, Losses]:
        means, covariance = moment_distances(source.float() / spread, image.float() / spread)
        losses = {"mean_distance": means.item(), "covariance_distance": covariance.item()}
        return WEIGHT * (means + covariance), losses

    return adapt_matched(network, target, bank, settings, align)


def moment_distances(
    first: torch.Tensor, second: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean square difference of the means, and of the covariances, of features (n, d), (m, d)."""
    means = (first.mean(dim=0) - second.mean(dim=0)).square().mean()
    if min(len(first), len(second)) < 2:
        return means, torch.zeros_like(means)
    return means, (torch.cov(first.T) - torch.cov(second.T)).square().mean()
