"""Entropy falls; only scale, shift and statistics of batch norm above the cut change."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from experiments.adaptations import tent
from model.activations import activations_below
from model.adaptation.base import AdaptationSettings
from test.model.builders import linear, some_patches, tiny_bank, tiny_network

SETTINGS = AdaptationSettings(epochs=12, batch_size=20, learning_rate=1e-2)


def test_entropy_falls_and_only_batch_norm_changes() -> None:
    network, before = tiny_network(), tiny_network().state_dict()
    bank = tiny_bank(network, 3)
    target = activations_below(network, some_patches(40), 3, "fp32").clone()
    first = tent.adapt(tiny_network(), target, bank, replace(SETTINGS, max_steps=1))
    last = tent.adapt(network, target, bank, SETTINGS)
    assert last.record["steps"] == 24
    assert last.record["curve"]["entropy"][-1] < 0.9 * first.record["curve"]["entropy"][0]
    changed = {n for n, v in network.state_dict().items() if not torch.equal(v, before[n])}
    assert changed and all(
        name.startswith("trunk.layer4") and ("bn" in name or "downsample.1" in name)
        for name in changed
    )
    assert not any(module.training for module in network.modules())


def test_divergence_is_reported() -> None:
    network = tiny_network()
    with torch.no_grad():
        linear(network.mitosis).bias[0] = math.nan
    bank = tiny_bank(tiny_network(), 3)
    result = tent.adapt(network, bank.activations(torch.arange(20)), bank, SETTINGS)
    assert result.record["diverged"] and result.record["curve"]["entropy"] == [None]
