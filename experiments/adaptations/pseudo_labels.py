"""Learns from the image's own confident candidates (Lee 2013), after calibration.

Confidence means little before scores are calibrated: on another scanner all of them may be high.
Candidates far above and far below the threshold on the calibrated scale are taken as labelled, and
trained on in equal numbers, beside the bank.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from experiments.adaptations.matched import Draw, Mix, adapt_matched
from model.adaptation.base import AdaptationSettings, Adapted
from model.adaptation.calibration import Calibration, log_odds
from model.adaptation.steps import Losses
from model.network import MitosisNetwork
from model.scoring import mitosis_probabilities
from model.source_bank import SourceBank

ABOVE, BELOW = 1.0, 3.0  # log odds from the threshold, from which a candidate counts as labelled
FEWEST = 3  # candidates above; fewer teach nothing


def adapt(
    network: MitosisNetwork,
    target: torch.Tensor,
    bank: SourceBank,
    settings: AdaptationSettings,
    threshold: float,
    calibration: Calibration | None,
) -> Adapted:
    """Train on bank and confident candidates.

    Args:
        network: changed in place.
        target: (n, …) activations at the cut of the image's candidates.
        bank: its entries for adaptation.
        settings: schedule.
        threshold: probability from which a detection is a mitotic figure.
        calibration: of the scores before they are compared with the threshold.
    """
    probabilities = mitosis_probabilities(network, target, bank.cut, settings.precision).numpy()
    labels = confident_labels(probabilities, threshold, calibration)
    others, mitotic = (int((labels == kind).sum()) for kind in (0, 1))
    counts = {"pseudo_mitotic": mitotic, "pseudo_not_mitotic": others}
    if mitotic < FEWEST or others == 0:
        return Adapted(network, counts)
    known = torch.from_numpy(labels).to(network.device)

    def align(source: torch.Tensor, image: torch.Tensor, mix: Mix) -> tuple[torch.Tensor, Losses]:
        loss = cross_entropy(network.mitosis(image).float(), known[mix.target.to(known.device)])
        return loss, {"pseudo_label_loss": loss.item()}

    adapted = adapt_matched(network, target, bank, settings, align, balanced_draw(labels))
    return Adapted(adapted.network, adapted.record | counts)


def confident_labels(
    probabilities: np.ndarray, threshold: float, calibration: Calibration | None
) -> np.ndarray:
    """(n,) int64 of probabilities (n,): 1 mitotic, 0 not, -1 where there is no confidence."""
    odds = log_odds(probabilities)
    if calibration is not None:
        odds = odds + calibration.shift(probabilities)
    level = float(log_odds(threshold))
    labels = np.full(len(odds), -1, np.int64)
    labels[odds >= level + ABOVE] = 1
    labels[odds <= level - BELOW] = 0
    return labels


def balanced_draw(labels: np.ndarray) -> Draw:
    """Draws as many candidates labelled 1 as labelled 0; labels (n,) of -1 are never drawn."""
    kinds = [torch.from_numpy(np.flatnonzero(labels == kind)) for kind in (0, 1)]

    def draw(count: int, generator: torch.Generator) -> torch.Tensor:
        half = max(count // 2, 1)
        return torch.cat(
            [kind[torch.randint(len(kind), (half,), generator=generator)] for kind in kinds]
        )

    return draw
