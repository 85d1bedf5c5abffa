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
from model.adaptation.captured import captured
from model.adaptation.optimiser import Adam
from model.adaptation.steps import Steps
from model.network import MitosisNetwork
from model.precision import arithmetic
from model.source_bank import SourceBank

BatchNorm = Literal["training", "frozen"]
UNLABELLED = -100  # class of a candidate


class MixedBatch(NamedTuple):
    """Source entries and candidates of one step.

    Attributes:
        inputs: (n, …) float32 activations at the cut, source entries first.
        mitotic: (n,) int64, 1 for a mitotic figure, UNLABELLED for a candidate.
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

    def step(index: torch.Tensor) -> torch.Tensor:
        batch = mixed_batch(bank, source, target, index)
        return reversal_step(network, optimiser, batch, bank.cut, settings)

    take = captured(step, network.device)
    for index in steps.over(shuffled_batches(len(source), len(target), settings)):
        steps.add(take(index))
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


def mixed_batch(
    bank: SourceBank, source: torch.Tensor, target: torch.Tensor, index: torch.Tensor
) -> MixedBatch:
    """The inputs of a step, all on one device; shapes do not depend on how many are entries.

    Args:
        bank: of the source.
        source: (m,) indices of its entries, m > 0.
        target: (k, …) activations of candidates, k > 0.
        index: (n,) of `shuffled_batches`.
    """
    is_source = index < len(source)
    entries = source[index.clamp(max=len(source) - 1)]
    candidates = as_input(target[(index - len(source)).clamp(min=0)], bank.cut)
    return MixedBatch(
        inputs=bank.activations(entries).where(is_source[:, None, None, None], candidates),
        mitotic=bank.mitotic[entries].where(is_source, UNLABELLED),
        domain=bank.domain[entries].where(is_source, len(bank.domains)),
    )


def reversal_step(
    network: MitosisNetwork,
    optimiser: Adam,
    batch: MixedBatch,
    cut: int,
    settings: AdaptationSettings,
) -> torch.Tensor:
    """One step on the sum of both cross entropies (paper, section 2.2).

    The network reverses the gradient of the scanner branch before it reaches the features.
    Returns the REVERSAL_LOSSES (3,).
    """
    inputs = batch.inputs.contiguous(memory_format=torch.channels_last)
    with arithmetic(settings.precision, inputs.device):
        mitosis, scanner = network(inputs, cut, settings.reversal_weight)
    scanner_loss = cross_entropy(scanner.float(), batch.domain)
    mitosis_loss = cross_entropy(
        mitosis.float(), batch.mitotic, ignore_index=UNLABELLED, reduction="sum"
    )
    # The mean over no source entry at all would be NaN; the sum is 0.
    mitosis_loss = mitosis_loss / (batch.mitotic != UNLABELLED).sum().clamp(min=1)
    optimiser.zero_grad()
    (mitosis_loss + scanner_loss).backward()
    optimiser.step()
    accuracy = (scanner.argmax(dim=1) == batch.domain).float().mean()
    return torch.stack([mitosis_loss, scanner_loss, accuracy]).detach()


def _chance(domain: torch.Tensor, targets: int) -> float:
    """Accuracy of a scanner branch that answers with the most frequent domain."""
    counts: list[int] = [*torch.bincount(domain).tolist(), targets]
    return round(max(counts) / max(sum(counts), 1), 4)
