"""Learns from the image's own confident candidates (Lee 2013), after calibration.

Before scores are calibrated confidence means little: on another scanner all of them may be high.
The candidates far above and far below the threshold on the calibrated scale are taken as labelled,
and trained on, as many of the one as of the other, beside the bank.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from experiments.adaptations.matched import Mix, adapt_matched
from model.adaptation.base import AdaptationSettings, Adapted
from model.adaptation.calibration import log_odds
from model.network import MitosisNetwork
from model.scoring import mitosis_probabilities
from model.source_bank import SourceBank

ABOVE, BELOW = 1.0, 3.0  # log odds from the threshold, from which a candidate counts as labelled
FEWEST = 3  # candidates above; fewer teach nothing


def adapt(
    network: MitosisNetwork, target: torch.Tensor, bank: SourceBank, settings: AdaptationSettings
) -> Adapted:
    """Train on bank and confident candidates."""
    labels = confident_labels(
        mitosis_probabilities(network, target, bank.cut, settings.precision).numpy(), settings
    )
    kinds = [torch.from_numpy(np.flatnonzero(labels == kind)) for kind in (0, 1)]
    account = {"pseudo_mitotic": len(kinds[1]), "pseudo_not_mitotic": len(kinds[0])}
    if len(kinds[1]) < FEWEST or len(kinds[0]) == 0:
        return Adapted(network, {"steps": 0} | account)
    known = torch.from_numpy(labels)
    device = next(network.parameters()).device

    def draw(count: int, generator: torch.Generator) -> torch.Tensor:
        half = max(count // 2, 1)
        return torch.cat(
            [kind[torch.randint(len(kind), (half,), generator=generator)] for kind in kinds]
        )

    def pull(
        source: torch.Tensor, image: torch.Tensor, mix: Mix
    ) -> tuple[torch.Tensor, dict[str, float]]:
        loss = cross_entropy(network.mitosis(image).float(), known[mix.target].to(device))
        return loss, {"pseudo_label_loss": loss.item()}

    adapted = adapt_matched(network, target, bank, settings, pull, draw)
    adapted.account.update(account)
    return adapted


def confident_labels(probabilities: np.ndarray, settings: AdaptationSettings) -> np.ndarray:
    """(n,) int64 of probabilities (n,): 1 mitotic, 0 not, -1 where there is no confidence."""
    odds = log_odds(probabilities)
    if settings.calibration is not None:
        odds = odds + settings.calibration.shift(probabilities)
    threshold = float(log_odds(settings.threshold))
    labels = np.full(len(odds), -1, np.int64)
    labels[odds >= threshold + ABOVE] = 1
    labels[odds <= threshold - BELOW] = 0
    return labels
