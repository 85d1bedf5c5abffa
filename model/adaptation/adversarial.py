"""The paper's domain adaptation phase (section 2.2): gradient reversal towards one image.

The image's candidates are examples of one more scanner. Bank and target are shuffled together. The
mitosis branch is trained on the source alone, the scanner branch on all, and the reversed gradient
of the scanner branch makes the features of source and target alike.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch.nn.functional import cross_entropy

from model.activations import as_input
from model.adaptation.base import AdaptationSettings, Adapted
from model.adaptation.optimiser import Adam
from model.adaptation.steps import Losses, Steps
from model.network import MitosisNetwork
from model.precision import arithmetic
from model.source_bank import SourceBank

BatchNorm = Literal["training", "frozen"]


class MixedBatch(NamedTuple):
    """Source entries and candidates of one step.

    Attributes:
        inputs: (n, …) float32 activations at the cut, the m source entries first.
        mitotic: (m,) int64, 1 for a mitotic figure.
        domain: (n,) int64, scanner of each input; the target is the last class.
    """

    inputs: torch.Tensor
    mitotic: torch.Tensor
    domain: torch.Tensor


def adapt(
    network: MitosisNetwork,
    target: torch.Tensor,
    bank: SourceBank,
    settings: AdaptationSettings,
    batch_norm: BatchNorm,
) -> Adapted:
    """Adapt the layers above the bank's cut.

    Args:
        network: changed in place.
        target: (n, …) activations at the cut (patches at cut 0) of the image's candidates.
        bank: its entries for adaptation, without the reserve, are the source.
        settings: schedule.
        batch_norm: "training" normalises by the batch and updates the statistics (paper); "frozen"
            keeps the shipped statistics.
    """
    network.train_above(bank.cut, batch_norm=batch_norm == "training")
    optimiser = Adam(network.trained_parameters(), settings.learning_rate)
    source, target = bank.entries_to_adapt_with(), target.to(network.device)
    steps = Steps(network, settings)
    for index in steps.over(shuffled_batches(len(source), len(target), settings)):
        entries = source[index[index < len(source)]]
        candidates = target[index[index >= len(source)] - len(source)]
        batch = mixed_batch(bank, entries, candidates)
        steps.add(reversal_step(network, optimiser, batch, bank.cut, settings))
    record = {
        "batch_norm": batch_norm,
        "source_entries": len(source),
        "target_candidates": len(target),
        "scanner_chance": _chance(bank.domain[source], len(target)),
    }
    return Adapted(network.eval(), record | steps.record())


def shuffled_batches(
    sources: int, targets: int, settings: AdaptationSettings
) -> list[torch.Tensor]:
    """Indices of each step: below `sources` a source entry, from there on a candidate.

    Source entries come first in a batch, each half in the order drawn.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    batches: list[torch.Tensor] = []
    for _ in range(settings.epochs):
        order = torch.randperm(sources + targets, generator=generator)
        batches += order.split(settings.batch_size)
        if settings.max_steps is not None and len(batches) >= settings.max_steps:
            batches = batches[: settings.max_steps]
            break
    return [torch.cat([batch[batch < sources], batch[batch >= sources]]) for batch in batches]


def mixed_batch(bank: SourceBank, entries: torch.Tensor, candidates: torch.Tensor) -> MixedBatch:
    """Bank entries (m,) and activations (k, …) of candidates as one batch, on the bank's device."""
    target = torch.full((len(candidates),), len(bank.domains), device=bank.values.device)
    return MixedBatch(
        inputs=torch.cat([bank.activations(entries), as_input(candidates, bank.cut)]),
        mitotic=bank.mitotic[entries],
        domain=torch.cat([bank.domain[entries], target]),
    )


def reversal_step(
    network: MitosisNetwork,
    optimiser: Adam,
    batch: MixedBatch,
    cut: int,
    settings: AdaptationSettings,
) -> Losses:
    """One step on the sum of both cross entropies (paper, section 2.2).

    The network reverses the gradient of the scanner branch before it reaches the features.
    """
    inputs = batch.inputs.contiguous(memory_format=torch.channels_last)
    with arithmetic(settings.precision, inputs.device):
        mitosis, scanner = network(inputs, cut, settings.reversal_weight)
    scanner_loss = cross_entropy(scanner.float(), batch.domain)
    # The mean over no source entry at all would be NaN; the sum is 0.
    entries = len(batch.mitotic)
    mitosis_loss = cross_entropy(mitosis[:entries].float(), batch.mitotic, reduction="sum")
    mitosis_loss = mitosis_loss / max(entries, 1)
    optimiser.zero_grad()
    (mitosis_loss + scanner_loss).backward()
    optimiser.step()
    accuracy = (scanner.argmax(dim=1) == batch.domain).float().mean()
    # One transfer: on a GPU each would wait for the step to end.
    values = torch.stack([mitosis_loss, scanner_loss, accuracy]).detach().tolist()
    return dict(zip(("mitosis_loss", "scanner_loss", "scanner_accuracy"), values, strict=True))


def _chance(domain: torch.Tensor, targets: int) -> float:
    """Accuracy of a scanner branch that answers with the most frequent domain."""
    counts: list[int] = [*torch.bincount(domain).tolist(), targets]
    return round(max(counts) / max(sum(counts), 1), 4)
