"""Gradient reversal on source batches at the prior of real candidates (DANN, Ganin et al. 2016).

The scanner branch separates image and source: its odds of the target against all source scanners
together. Asked for the scanner, as in the paper, it calls all of the image and most of the source
the target, because the source's share is split among its domains. The shipped branch is at chance,
so its gradient is uninformative: it is first fitted to bank and image while the trunk is frozen,
and only then reversed.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from experiments.adaptations.matched import Mix, adapt_matched
from model.adaptation.base import AdaptationSettings, Adapted
from model.adaptation.diagnostics import features_of
from model.adaptation.steps import Losses
from model.gradient_reversal import reverse_gradient
from model.network import MitosisNetwork
from model.source_bank import SourceBank

FIT_STEPS = 100
FIT_RATE = 1e-3
FIT_EXAMPLES = 1000  # of source and image each, a quarter of which only tests the branch


def adapt(
    network: MitosisNetwork, target: torch.Tensor, bank: SourceBank, settings: AdaptationSettings
) -> Adapted:
    """Fit the scanner branch, then make the features of image and source alike."""
    fitted = _fit_scanner_branch(network, target, bank, settings)

    def align(source: torch.Tensor, image: torch.Tensor, mix: Mix) -> tuple[torch.Tensor, Losses]:
        features = reverse_gradient(torch.cat([source, image]), settings.reversal_weight)
        odds = _odds_of_target(network, features)
        labels = _labels(len(source), len(image), odds)
        loss = binary_cross_entropy_with_logits(odds, labels)
        return loss, {"scanner_loss": loss.item(), "scanner_accuracy": _accuracy(odds, labels)}

    adapted = adapt_matched(network, target, bank, settings, align)
    # Half of a batch is the image.
    return replace(
        adapted,
        record=adapted.record | {"scanner_accuracy_fitted": fitted, "scanner_chance": 0.5},
    )


def _fit_scanner_branch(
    network: MitosisNetwork, target: torch.Tensor, bank: SourceBank, settings: AdaptationSettings
) -> float | None:
    """Train the scanner branch alone; its accuracy on examples that it was not fitted to."""
    generator = torch.Generator().manual_seed(settings.seed)
    source = bank.entries_to_adapt_with().cpu()
    count = min(len(source), len(target), FIT_EXAMPLES)
    source = source[torch.randperm(len(source), generator=generator)[:count]]
    image = target[torch.randperm(len(target), generator=generator)[:count]]
    features = [
        features_of(network, part, bank.cut, settings.precision)
        for part in (bank.activations(source.to(bank.values.device)), image)
    ]
    kept = count // 4
    tested, fitted = (
        torch.cat([part[where] for part in features])
        for where in (slice(0, kept), slice(kept, None))
    )
    branch = network.scanner.requires_grad_(True)
    optimiser = torch.optim.Adam(branch.parameters(), lr=FIT_RATE, fused=True)
    labels = _labels(count - kept, count - kept, fitted)
    for _ in range(FIT_STEPS if settings.learning_rate > 0 else 0):
        loss = binary_cross_entropy_with_logits(_odds_of_target(network, fitted), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    if kept == 0:
        return None
    with torch.no_grad():
        return round(_accuracy(_odds_of_target(network, tested), _labels(kept, kept, tested)), 4)


def _odds_of_target(network: MitosisNetwork, features: torch.Tensor) -> torch.Tensor:
    """(n,) log odds of the image against all source scanners together."""
    logits = network.scanner(features).float()
    return logits[:, -1] - logits[:, :-1].logsumexp(dim=1)


def _labels(sources: int, candidates: int, like: torch.Tensor) -> torch.Tensor:
    """0 for source entries, then 1 for candidates."""
    labels = torch.zeros(sources + candidates, device=like.device)
    labels[sources:] = 1
    return labels


def _accuracy(odds: torch.Tensor, labels: torch.Tensor) -> float:
    return float(((odds > 0) == (labels > 0.5)).float().mean())
