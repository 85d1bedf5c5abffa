"""Entropy minimisation (TENT, Wang et al. 2021): a control that needs no source bank.

Batch norm above the cut normalises by the batch, and its scale and shift are trained to make the
mitosis branch sure of the image's candidates. Under the class imbalance of candidates it is known
to fail (Niu et al. 2023).
"""

from __future__ import annotations

import torch

from model.activations import as_input
from model.adaptation.base import AdaptationSettings, Adapted
from model.adaptation.steps import take_steps
from model.network import MitosisNetwork
from model.precision import arithmetic
from model.source_bank import SourceBank


def adapt(
    network: MitosisNetwork, target: torch.Tensor, bank: SourceBank, settings: AdaptationSettings
) -> Adapted:
    """Minimise the mean entropy of the mitosis branch over the image's candidates."""
    device = next(network.parameters()).device
    network.eval().requires_grad_(False)
    layers = network.batch_norms_above(bank.cut)
    for layer in layers:
        layer.train().requires_grad_(True)
    parameters = [p for layer in layers for p in layer.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=settings.learning_rate, fused=True)
    generator = torch.Generator().manual_seed(settings.seed)
    batches = [
        batch
        for _ in range(settings.epochs)
        for batch in torch.randperm(len(target), generator=generator).split(settings.batch_size)
        if len(batch) > 1  # statistics of a single candidate are none
    ][: settings.max_steps]

    def step(batch: torch.Tensor) -> dict[str, float]:
        inputs = as_input(target[batch].to(device), bank.cut)
        with arithmetic(settings.precision, device):
            logits = network(inputs.contiguous(memory_format=torch.channels_last), bank.cut).mitosis
        log_p = logits.float().log_softmax(dim=1)
        entropy = -(log_p.exp() * log_p).sum(dim=1).mean()
        optimiser.zero_grad()
        entropy.backward()
        optimiser.step()
        return {"entropy": entropy.item()}

    taken = take_steps(network, batches, step, settings)
    return Adapted(network, taken.account, taken.halfway)
