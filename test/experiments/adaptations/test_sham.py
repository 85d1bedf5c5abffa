"""The control moves the statistics as `paper` does and no weight."""

from __future__ import annotations

from dataclasses import replace

import torch

from experiments.adaptations import sham
from model.adaptation.base import AdaptationSettings
from model.adaptation.registry import ADAPTATIONS
from test.model.builders import tiny_bank, tiny_network

SETTINGS = AdaptationSettings(epochs=1, batch_size=16, learning_rate=1e-2)


def test_only_statistics_move() -> None:
    network, before = tiny_network(), tiny_network().state_dict()
    bank = tiny_bank(network, 3)
    candidates = bank.activations(torch.arange(10))
    result = sham.adapt(network, candidates, bank, SETTINGS)
    assert result.record["steps"] == 2 and result.record["drift"] == 0
    moved = {n for n, v in network.state_dict().items() if not torch.equal(v, before[n])}
    assert moved and all("running" in name or "tracked" in name for name in moved)
    other = tiny_network()
    paper = ADAPTATIONS["paper"].load()
    paper(other, candidates, bank, replace(SETTINGS, learning_rate=0.0))
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, other.state_dict()[name])
