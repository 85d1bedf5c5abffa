"""Adaptation with the two losses kept apart: what `dann`, `coral` and `pseudo-labels` share.

Candidates are 0.1 to 0.5 % mitotic, and aligning them with a source of another class prior turns
one class into the other (Zhao et al. 2019). So the loss that brings image and source together sees
source entries at the prior of real candidates, while the class loss has entries of its own, half of
them mitotic, from the bank's reserve. Batch norm is frozen, and what is kept is a moving average of
the weights (mean teacher).

The schedule is that of the settings, with RATE times the learning rate: at the paper's rate frozen
statistics leave the network where it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch.nn.functional import cross_entropy

from model.activations import BATCH_SIZE, as_input
from model.adaptation.base import AdaptationSettings, Adapted
from model.adaptation.optimiser import Adam
from model.adaptation.steps import take_steps
from model.network import MitosisNetwork
from model.precision import Precision, arithmetic
from model.source_bank import SourceBank

RATE = 6.0  # times the learning rate of the settings
AVERAGING = 0.9  # decay a step of the weights' moving average


class Mix(NamedTuple):
    """Indices of one step: entries at the prior, candidates, labelled entries of both classes."""

    source: torch.Tensor
    target: torch.Tensor
    labelled: torch.Tensor


# Of the features (n, 512) of the step's source entries and candidates: a loss, and its account.
Pull = Callable[[torch.Tensor, torch.Tensor, Mix], tuple[torch.Tensor, dict[str, float]]]
Draw = Callable[[int, torch.Generator], torch.Tensor]  # so many candidates


def adapt_matched(
    network: MitosisNetwork,
    target: torch.Tensor,
    bank: SourceBank,
    settings: AdaptationSettings,
    pull: Pull,
    draw: Draw | None = None,
) -> Adapted:
    """Adapt the layers above the cut by the class loss on the bank plus the loss of `pull`.

    Args:
        network: changed in place.
        target: (n, …) activations at the cut of the image's candidates.
        bank: its entries for adaptation.
        settings: schedule.
        pull: what brings image and source together.
        draw: chooses the candidates of a step; at random without it.
    """
    device = next(network.parameters()).device
    thaw(network, bank.cut)
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimiser = Adam(parameters, RATE * settings.learning_rate)

    def step(mix: Mix) -> dict[str, float]:
        entries = torch.cat([mix.source, mix.labelled]).to(device)
        candidates = as_input(target[mix.target].to(device), bank.cut)
        inputs = torch.cat([bank.activations(entries), candidates])
        with arithmetic(settings.precision, device):
            features = network.features(
                inputs.contiguous(memory_format=torch.channels_last), bank.cut
            )
            sizes = [len(mix.source), len(mix.labelled), len(mix.target)]
            source, labelled, image = features.split(sizes)
            class_loss = cross_entropy(
                network.mitosis(labelled).float(), bank.mitotic[mix.labelled.to(device)]
            )
            pulled, account = pull(source, image, mix)
        optimiser.zero_grad()
        (class_loss + pulled).backward()
        optimiser.step()
        return {"mitosis_loss": class_loss.item()} | account

    mixes = _mixes(bank, len(target), settings, draw or _at_random(len(target)))
    taken = take_steps(network, mixes, step, settings, AVERAGING)
    return Adapted(network, taken.account, taken.halfway)


def thaw(network: MitosisNetwork, cut: int) -> None:
    """Let the layers above the cut change, batch norm statistics excepted."""
    network.eval().requires_grad_(False)
    for module in network.modules_above(cut):
        module.requires_grad_(True)


def features_of(
    network: MitosisNetwork, activations: torch.Tensor, cut: int, precision: Precision
) -> torch.Tensor:
    """(n, 512) float32 features of activations at the cut, on the network's device."""
    device = next(network.parameters()).device
    network.eval()
    parts = [torch.zeros((0, 0), device=device)]
    with torch.no_grad(), arithmetic(precision, device):
        for batch in activations.split(BATCH_SIZE):
            inputs = as_input(batch.to(device), cut).contiguous(memory_format=torch.channels_last)
            parts.append(network.features(inputs, cut).float())
    return torch.cat([part for part in parts if part.ndim == 2 and part.shape[1]] or parts)


def at_prior(bank: SourceBank) -> torch.Tensor:
    """Indices of the entries for adaptation at the prior of real candidates."""
    return torch.nonzero(~bank.check & ~bank.reserve).flatten().cpu()


def planned_steps(sources: int, targets: int, settings: AdaptationSettings) -> int:
    """Steps of the schedule over so many entries and candidates."""
    steps = settings.epochs * -(-(sources + targets) // settings.batch_size)
    return steps if settings.max_steps is None else min(steps, settings.max_steps)


def _mixes(bank: SourceBank, targets: int, settings: AdaptationSettings, draw: Draw) -> list[Mix]:
    """All steps' indices: halves of a batch from source and image, and a quarter labelled."""
    generator = torch.Generator().manual_seed(settings.seed)
    source = at_prior(bank)
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
