"""Gradient reversal towards one image, with matched class priors: the default adaptation.

It differs from the paper's phase (model/adaptation/adversarial.py) where that one fails on whole
images. experiments/LOG.md has the measurements.

- Candidates are 0.1 to 0.5 % mitotic, and aligning them with a source of another class prior turns
  one class into the other (Zhao et al. 2019). So the domain loss compares the candidates with
  negatives of the bank, and the class loss uses separate bank entries, half of them mitotic.
- The scanner branch separates the image from all source scanners together. The shipped branch is at
  chance, so its gradient is uninformative: it is fitted to bank and image before the reversal.
- Batch norm statistics stay as shipped, and a moving average of the weights is kept.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from model.activations import as_input
from model.adaptation.averaging import MovingAverage
from model.adaptation.base import AdaptationSettings, Adapted
from model.adaptation.captured import captured
from model.adaptation.diagnostics import features_of
from model.adaptation.optimiser import Adam
from model.adaptation.pace import Pace
from model.adaptation.steps import Steps
from model.gradient_reversal import reverse_gradient
from model.network import MitosisNetwork
from model.precision import arithmetic
from model.source_bank import SourceBank

AVERAGING = 0.9  # decay a step of the moving average of the weights
FIT_STEPS, FIT_RATE = 100, 1e-3  # of the scanner branch, before the reversal
FIT_EXAMPLES = 768  # at most so many negatives, and as many candidates


class MatchedBatch(NamedTuple):
    """Inputs of one step: (n, …) float32 activations at the cut.

    Attributes:
        negatives: bank entries that are not mitotic, as many as candidates.
        candidates: of the image.
        labelled: bank entries for the class loss, half of them mitotic.
        mitotic: (n,) int64 classes of the labelled entries.
    """

    negatives: torch.Tensor
    candidates: torch.Tensor
    labelled: torch.Tensor
    mitotic: torch.Tensor


class Index(NamedTuple):
    """Indices of one step.

    Attributes:
        negatives: of bank entries for the domain loss.
        candidates: of the image.
        labelled: of bank entries for the class loss.
    """

    negatives: torch.Tensor
    candidates: torch.Tensor
    labelled: torch.Tensor


def adapt(
    network: MitosisNetwork, target: torch.Tensor, bank: SourceBank, settings: AdaptationSettings
) -> Adapted:
    """Adapt the layers above the bank's cut.

    Args:
        network: changed in place.
        target: (n, …) activations at the cut (patches at cut 0) of the image's candidates, n > 0.
        bank: its entries that are not held back are the source.
        settings: schedule. A batch of N compares N / 2 negatives with N / 2 candidates, beside
            N / 2 labelled entries.
    """
    network.train_above(bank.cut, batch_norm=False)
    target = target.to(network.device)
    fitted = fit_scanner_branch(network, target, bank, settings)
    parameters = network.trained_parameters()
    optimiser = Adam(parameters, settings.learning_rate)
    average = MovingAverage(parameters, AVERAGING)
    steps = Steps(network, settings)

    def step(*index: torch.Tensor) -> torch.Tensor:
        batch = load_batch(bank, target, Index(*index))
        return reversal_step(network, optimiser, batch, bank.cut, settings)

    take = captured(step, network.device)
    for index in steps.over(draw_batches(bank, len(target), settings)):
        steps.add(take(*index))
        if not steps.diverged:
            average.update()
    average.replace_parameters()
    record = {
        "batch_norm": "frozen",
        "source_entries": len(adapting_entries(bank)),
        "target_candidates": len(target),
        "scanner_chance": 0.5,  # half of the inputs of the domain loss are candidates
        "scanner_accuracy_fitted": fitted,
    }
    return Adapted(network.eval(), record | steps.record())


def reversal_step(
    network: MitosisNetwork,
    optimiser: Adam,
    batch: MatchedBatch,
    cut: int,
    settings: AdaptationSettings,
) -> torch.Tensor:
    """One step on the sum of the class loss and the domain loss, whose gradient is reversed.

    Returns the REVERSAL_LOSSES (3,).
    """
    inputs = torch.cat([batch.negatives, batch.candidates, batch.labelled])
    domain = is_candidate(len(batch.negatives), len(batch.candidates), inputs.device)
    with arithmetic(settings.precision, inputs.device):
        features = network.features(inputs.contiguous(memory_format=torch.channels_last), cut)
        compared, labelled = features.split([len(domain), len(batch.labelled)])
        odds = target_log_odds(network, reverse_gradient(compared, settings.reversal_weight))
        mitosis = network.mitosis(labelled).float()
    mitosis_loss = cross_entropy(mitosis, batch.mitotic)
    scanner_loss = binary_cross_entropy_with_logits(odds, domain)
    optimiser.zero_grad()
    (mitosis_loss + scanner_loss).backward()
    optimiser.step()
    return torch.stack([mitosis_loss, scanner_loss, accuracy(odds, domain)]).detach()


def fit_scanner_branch(
    network: MitosisNetwork, target: torch.Tensor, bank: SourceBank, settings: AdaptationSettings
) -> float:
    """Train the scanner branch alone to recognise the image; its accuracy on what it was fitted to.

    Skipped at a learning rate of 0, and where no time is left.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    features = []
    for values in (bank.activations(negative_entries(bank)), target):
        chosen = torch.randperm(len(values), generator=generator)[:FIT_EXAMPLES]
        features.append(features_of(network, values[chosen], bank.cut, settings.precision))
    domain = is_candidate(len(features[0]), len(features[1]), network.device)
    examples = torch.cat(features)
    optimiser = Adam(list(network.scanner.parameters()), FIT_RATE)

    def step() -> torch.Tensor:
        loss = binary_cross_entropy_with_logits(target_log_odds(network, examples), domain)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.detach()

    take = captured(step, network.device)
    fitting = settings.learning_rate > 0 and Pace(settings.deadline).allows(0)
    for _ in range(FIT_STEPS if fitting else 0):
        take()
    with torch.no_grad():
        return round(float(accuracy(target_log_odds(network, examples), domain)), 4)


def draw_batches(bank: SourceBank, targets: int, settings: AdaptationSettings) -> list[Index]:
    """Indices of all steps, drawn with replacement: N / 2, N / 2, and N / 4 of each class."""
    generator = torch.Generator().manual_seed(settings.seed)
    adapting = adapting_entries(bank).cpu()
    mitotic = adapting[bank.mitotic.cpu()[adapting] == 1]
    negatives = negative_entries(bank).cpu()
    half, quarter = max(settings.batch_size // 2, 1), max(settings.batch_size // 4, 1)

    def some(index: torch.Tensor, count: int) -> torch.Tensor:
        if len(index) == 0:
            return index
        return index[torch.randint(len(index), (count,), generator=generator)]

    return [
        Index(
            some(negatives, half),
            some(torch.arange(targets), half),
            torch.cat([some(mitotic, quarter), some(negatives, quarter)]),
        )
        for _ in range(planned_steps(len(adapting), targets, settings))
    ]


def planned_steps(sources: int, targets: int, settings: AdaptationSettings) -> int:
    """Steps of the schedule over so many entries and candidates."""
    steps = settings.epochs * -(-(sources + targets) // settings.batch_size)
    return steps if settings.max_steps is None else min(steps, settings.max_steps)


def load_batch(bank: SourceBank, target: torch.Tensor, index: Index) -> MatchedBatch:
    """The inputs of a step; bank, target and index are on one device."""
    return MatchedBatch(
        negatives=bank.activations(index.negatives),
        candidates=as_input(target[index.candidates], bank.cut),
        labelled=bank.activations(index.labelled),
        mitotic=bank.mitotic[index.labelled],
    )


def adapting_entries(bank: SourceBank) -> torch.Tensor:
    """Indices of the entries that are not held back, those in reserve included."""
    return torch.nonzero(~bank.check).flatten()


def negative_entries(bank: SourceBank) -> torch.Tensor:
    """Indices of the entries that are neither held back nor mitotic."""
    return torch.nonzero(~bank.check & (bank.mitotic == 0)).flatten()


def target_log_odds(network: MitosisNetwork, features: torch.Tensor) -> torch.Tensor:
    """(n,) float32 log odds of the image against all source scanners together."""
    logits: torch.Tensor = network.scanner(features).float()
    return logits[:, -1] - logits[:, :-1].logsumexp(dim=1)


def is_candidate(sources: int, candidates: int, device: torch.device) -> torch.Tensor:
    """(n,) float32: 0 for source entries, then 1 for candidates."""
    return (torch.arange(sources + candidates, device=device) >= sources).float()


def accuracy(odds: torch.Tensor, domain: torch.Tensor) -> torch.Tensor:
    """Share of the inputs whose domain the odds name."""
    return ((odds > 0) == (domain > 0.5)).float().mean()
