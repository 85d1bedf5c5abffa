"""Adaptation with the two losses kept apart: what `dann`, `coral` and `pseudo-labels` share.

Candidates are 0.1 to 0.5 % mitotic, and aligning them with a source of another class prior turns
one class into the other (Zhao et al. 2019). So the loss that aligns image and source uses source
entries at the prior of real candidates, while the class loss has entries for itself, half of them
mitotic, from the bank's reserve. Batch norm is frozen, and a moving average of the weights is kept
(mean teacher).

The schedule is that of the settings with RATE times the learning rate: at the paper's rate a
network with frozen statistics hardly moves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch.nn.functional import cross_entropy

from model.activations import as_input
from model.adaptation.averaging import MovingAverage
from model.adaptation.base import AdaptationSettings, Adapted
from model.adaptation.optimiser import Adam
from model.adaptation.steps import Losses, Steps
from model.network import MitosisNetwork
from model.precision import arithmetic
from model.source_bank import SourceBank

RATE = 6.0  # times the learning rate of the settings
AVERAGING = 0.9  # decay a step of the weights' moving average


class Mix(NamedTuple):
    """Indices of one step: entries at the prior, candidates, labelled entries of both classes."""

    source: torch.Tensor
    target: torch.Tensor
    labelled: torch.Tensor


# From the features (n, 512) of the step's source entries and candidates: a loss, and its parts.
Align = Callable[[torch.Tensor, torch.Tensor, Mix], tuple[torch.Tensor, Losses]]
Draw = Callable[[int, torch.Generator], torch.Tensor]  # indices of so many candidates


def adapt_matched(
    network: MitosisNetwork,
    target: torch.Tensor,
    bank: SourceBank,
    settings: AdaptationSettings,
    align: Align,
    draw: Draw | None = None,
) -> Adapted:
    """Adapt the layers above the cut by the class loss on the bank plus the loss of `align`.

    Args:
        network: changed in place.
        target: (n, …) activations at the cut of the image's candidates.
        bank: its entries for adaptation.
        settings: schedule.
        align: the loss between image and source.
        draw: chooses the candidates of a step; at random without it.
    """
    network.train_above(bank.cut, batch_norm=False)
    parameters = network.trained_parameters()
    optimiser = Adam(parameters, RATE * settings.learning_rate)
    average = MovingAverage(parameters, AVERAGING)
    steps = Steps(network, settings)
    for mix in steps.over(draw_mixes(bank, len(target), settings, draw or _at_random(len(target)))):
        losses = _step(network, optimiser, target, bank, settings, align, mix)
        steps.add(losses)
        if not steps.diverged:
            average.update()
    average.replace_parameters()
    return Adapted(network.eval(), steps.record())


def _step(
    network: MitosisNetwork,
    optimiser: Adam,
    target: torch.Tensor,
    bank: SourceBank,
    settings: AdaptationSettings,
    align: Align,
    mix: Mix,
) -> Losses:
    """One step on the sum of both losses."""
    device = network.device
    entries = torch.cat([mix.source, mix.labelled]).to(device)
    candidates = as_input(target[mix.target].to(device), bank.cut)
    inputs = torch.cat([bank.activations(entries), candidates])
    with arithmetic(settings.precision, device):
        features = network.features(inputs.contiguous(memory_format=torch.channels_last), bank.cut)
        source, labelled, image = features.split(
            [len(mix.source), len(mix.labelled), len(mix.target)]
        )
        class_loss = cross_entropy(
            network.mitosis(labelled).float(), bank.mitotic[mix.labelled.to(device)]
        )
        alignment, losses = align(source, image, mix)
    optimiser.zero_grad()
    (class_loss + alignment).backward()
    optimiser.step()
    return {"mitosis_loss": class_loss.item()} | losses


def planned_steps(sources: int, targets: int, settings: AdaptationSettings) -> int:
    """Steps of the schedule over so many entries and candidates."""
    steps = settings.epochs * -(-(sources + targets) // settings.batch_size)
    return steps if settings.max_steps is None else min(steps, settings.max_steps)


def draw_mixes(
    bank: SourceBank, targets: int, settings: AdaptationSettings, draw: Draw
) -> list[Mix]:
    """All steps' indices: halves of a batch from source and image, and a quarter labelled."""
    generator = torch.Generator().manual_seed(settings.seed)
    source = bank.entries_to_adapt_with().cpu()
    adapting = ~bank.check.cpu()
    kinds = [torch.nonzero(adapting & (bank.mitotic.cpu() == k)).flatten() for k in (0, 1)]
    half, eighth = max(settings.batch_size // 2, 1), max(settings.batch_size // 8, 1)

    def some(index: torch.Tensor, count: int) -> torch.Tensor:
        drawn = torch.randint(len(index), (count if len(index) else 0,), generator=generator)
        return index[drawn]

    return [
        Mix(
            some(source, half),
            draw(half, generator),
            torch.cat([some(kind, eighth) for kind in kinds]),
        )
        for _ in range(planned_steps(len(source), targets, settings))
    ]


def _at_random(targets: int) -> Draw:
    return lambda count, generator: torch.randint(targets, (count,), generator=generator)
