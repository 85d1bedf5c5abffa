"""The paper's domain adaptation phase (section 2.2): gradient reversal towards one image.

The image's candidates are examples of one more scanner. Bank and target are shuffled together;
both branches are trained, the mitosis branch on the source alone, the scanner branch on all, and
the reversed gradient makes the features of the two alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch.nn.functional import cross_entropy

from model.adaptation.base import AdaptationSettings, Adapted
from model.adaptation.optimiser import Adam
from model.adaptation.steps import take_steps
from model.network import MitosisNetwork
from model.precision import arithmetic
from model.scoring import as_input
from model.source_bank import SourceBank

BatchNorm = Literal["training", "frozen"]


def adapt_by_gradient_reversal(
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
        batch_norm: "training" normalises by the batch and moves the statistics (paper);
            "frozen" keeps the shipped statistics.
    """
    device = next(network.parameters()).device
    source = torch.nonzero(~bank.check & ~bank.reserve).flatten()
    trained = network.modules_above(bank.cut)
    network.eval().requires_grad_(False)
    for module in trained:
        module.train(batch_norm == "training").requires_grad_(True)
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimiser = Adam(parameters, settings.learning_rate)
    target = target.to(device)

    def step(batch: torch.Tensor) -> dict[str, float]:
        in_source = batch < len(source)
        entries = source[batch[in_source]]
        candidates = target[batch[~in_source] - len(source)]
        inputs = torch.cat([bank.activations(entries), as_input(candidates, bank.cut)])
        domain = torch.full((len(batch),), network.source_domains, device=device)
        domain[: len(entries)] = bank.domain[entries]
        return _step(network, optimiser, inputs, bank.mitotic[entries], domain, bank.cut, settings)

    batches = list(_batches(len(source), len(target), settings))
    taken = take_steps(network, batches, step, settings)
    account = {
        "batch_norm": batch_norm,
        "source_entries": len(source),
        "target_candidates": len(target),
        "scanner_chance": _chance(bank.domain[source], len(target)),
    }
    return Adapted(network, account | taken.account, taken.halfway)


def _chance(domain: torch.Tensor, targets: int) -> float:
    """Accuracy of a scanner branch that calls everything the most frequent domain."""
    counts = [*torch.bincount(domain).tolist(), targets]
    return round(max(counts) / max(sum(counts), 1), 4)


def _batches(sources: int, targets: int, settings: AdaptationSettings) -> Iterator[torch.Tensor]:
    """Indices of each step: below `sources` a source entry, from there on a candidate."""
    generator = torch.Generator().manual_seed(settings.seed)
    steps = 0
    for _ in range(settings.epochs):
        order = torch.randperm(sources + targets, generator=generator)
        for batch in order.split(settings.batch_size):
            if steps == settings.max_steps:
                return
            # Source entries first, each half in the order drawn.
            yield torch.cat([batch[batch < sources], batch[batch >= sources]])
            steps += 1


def _step(
    network: MitosisNetwork,
    optimiser: Adam,
    inputs: torch.Tensor,
    mitotic: torch.Tensor,
    domain: torch.Tensor,
    cut: int,
    settings: AdaptationSettings,
) -> dict[str, float]:
    """One step; source entries come first in the inputs, as many as `mitotic` has labels."""
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    with arithmetic(settings.precision, inputs.device):
        mitosis, scanner = network(inputs, cut, settings.reversal_weight)
    scanner_loss = cross_entropy(scanner.float(), domain)
    # The mean of no source entry at all would be NaN; its sum is 0.
    mitosis_loss = cross_entropy(mitosis[: len(mitotic)].float(), mitotic, reduction="sum")
    mitosis_loss = mitosis_loss / max(len(mitotic), 1)
    optimiser.zero_grad()
    (mitosis_loss + scanner_loss).backward()
    optimiser.step()
    accuracy = (scanner.argmax(dim=1) == domain).float().mean()
    # One transfer: on a GPU each would wait for the step to end.
    values = torch.stack([mitosis_loss, scanner_loss, accuracy]).detach().tolist()
    return dict(zip(("mitosis_loss", "scanner_loss", "scanner_accuracy"), values, strict=True))
