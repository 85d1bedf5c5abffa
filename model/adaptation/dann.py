"""Gradient reversal on source batches at the prior of real candidates (DANN, Ganin et al. 2016).

The shipped scanner branch has lost to the trunk: it is at chance, and its gradient says little. So
it is first fitted to bank and image while the trunk stands still, and reversed only then.
"""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy

from model.adaptation.base import AdaptationSettings, Adapted
from model.adaptation.matched import Mix, adapt_matched, at_prior, features_of
from model.gradient_reversal import reverse_gradient
from model.network import MitosisNetwork
from model.source_bank import SourceBank

FIT_STEPS = 100
FIT_RATE = 1e-3
FIT_EXAMPLES = 1024  # of source and of image, whose features the branch is fitted to


def adapt(
    network: MitosisNetwork, target: torch.Tensor, bank: SourceBank, settings: AdaptationSettings
) -> Adapted:
    """Fit the scanner branch, then make the features of image and source alike."""
    accuracy = _fit_scanner_branch(network, target, bank, settings)

    def pull(
        source: torch.Tensor, image: torch.Tensor, mix: Mix
    ) -> tuple[torch.Tensor, dict[str, float]]:
        features = reverse_gradient(torch.cat([source, image]), settings.reversal_weight)
        domain = _domains(network, bank, mix.source, len(image))
        scanner = network.scanner(features).float()
        loss = cross_entropy(scanner, domain)
        right = (scanner.argmax(dim=1) == domain).float().mean()
        return loss, {"scanner_loss": loss.item(), "scanner_accuracy": right.item()}

    adapted = adapt_matched(network, target, bank, settings, pull)
    adapted.account["scanner_accuracy_fitted"] = round(accuracy, 4)
    adapted.account["scanner_chance"] = 0.5  # half of a batch is the image
    return adapted


def _fit_scanner_branch(
    network: MitosisNetwork, target: torch.Tensor, bank: SourceBank, settings: AdaptationSettings
) -> float:
    """Train the scanner branch alone; its accuracy on what it was fitted to."""
    generator = torch.Generator().manual_seed(settings.seed)

    def some(count: int) -> torch.Tensor:
        return torch.randperm(count, generator=generator)[:FIT_EXAMPLES]

    source = at_prior(bank)
    source = source[some(len(source))]
    image = target[some(len(target))]
    entries = bank.activations(source.to(bank.values.device))
    features = torch.cat([
        features_of(network, part, bank.cut, settings.precision) for part in (entries, image)
    ])  # fmt: skip
    domain = _domains(network, bank, source, len(image))
    # As many of either: a short image must not drown among the source.
    weight = torch.where(domain == network.source_domains, len(source), len(image)).float()
    branch = network.scanner.requires_grad_(True)
    optimiser = torch.optim.Adam(branch.parameters(), lr=FIT_RATE, fused=True)
    steps = FIT_STEPS if settings.learning_rate > 0 else 0
    for _ in range(steps):
        losses = cross_entropy(branch(features), domain, reduction="none")
        optimiser.zero_grad()
        ((weight * losses).sum() / weight.sum()).backward()
        optimiser.step()
    with torch.no_grad():
        right = (branch(features).argmax(dim=1) == domain).float()
    return float((weight * right).sum() / weight.sum())


def _domains(
    network: MitosisNetwork, bank: SourceBank, source: torch.Tensor, candidates: int
) -> torch.Tensor:
    """Labels of source entries, then of candidates."""
    device = bank.domain.device
    image = torch.full((candidates,), network.source_domains, device=device)
    return torch.cat([bank.domain[source.to(device)], image])
