"""Entropy minimisation (TENT, Wang et al. 2021): a control that needs no source bank.

Batch norm above the cut normalises by the batch, and its scale and shift are trained to minimise
the entropy of the mitosis branch on the image's candidates. Under the class imbalance of candidates
it is known to fail (Niu et al. 2023).
"""

from __future__ import annotations

import torch

from experiments.adaptations.batch_norms import batch_norms_above
from model.activations import as_input
from model.adaptation.base import AdaptationSettings, Adapted
from model.adaptation.steps import Losses, Steps
from model.network import MitosisNetwork
from model.precision import arithmetic
from model.source_bank import SourceBank


def adapt(
    network: MitosisNetwork, target: torch.Tensor, bank: SourceBank, settings: AdaptationSettings
) -> Adapted:
    """Minimise the mean entropy of the mitosis branch over the image's candidates."""
    network.eval().requires_grad_(False)
    for layer in batch_norms_above(network, bank.cut):
        layer.train().requires_grad_(True)
    optimiser = torch.optim.Adam(
        network.trained_parameters(), lr=settings.learning_rate, fused=True
    )
    steps = Steps(network, settings)
    for batch in steps.over(_batches(len(target), settings)):
        inputs = as_input(target[batch].to(network.device), bank.cut)
        steps.add(_step(network, optimiser, inputs, bank.cut, settings))
    return Adapted(network.eval(), {"target_candidates": len(target)} | steps.record())


def _batches(candidates: int, settings: AdaptationSettings) -> list[torch.Tensor]:
    """Indices of each step; a single candidate has no statistics and is left out."""
    generator = torch.Generator().manual_seed(settings.seed)
    return [
        batch
        for _ in range(settings.epochs)
        for batch in torch.randperm(candidates, generator=generator).split(settings.batch_size)
        if len(batch) > 1
    ][: settings.max_steps]


def _step(
    network: MitosisNetwork,
    optimiser: torch.optim.Optimizer,
    inputs: torch.Tensor,
    cut: int,
    settings: AdaptationSettings,
) -> Losses:
    with arithmetic(settings.precision, inputs.device):
        logits = network(inputs.contiguous(memory_format=torch.channels_last), cut).mitosis
    log_p = logits.float().log_softmax(dim=1)
    entropy = -(log_p.exp() * log_p).sum(dim=1).mean()
    optimiser.zero_grad()
    entropy.backward()
    optimiser.step()
    return {"entropy": entropy.item()}
