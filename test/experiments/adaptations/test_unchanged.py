"""No adaptation is a candidate like the others."""

from __future__ import annotations

import torch

from experiments.adaptations import unchanged
from model.adaptation.base import AdaptationSettings
from test.model.builders import tiny_bank, tiny_network


def test_network_stays_as_it_is() -> None:
    network = tiny_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    bank = tiny_bank(network, 4)
    adapted = unchanged.adapt(
        network, bank.activations(torch.arange(4)), bank, AdaptationSettings()
    )
    assert adapted.network is network and adapted.record == {}
    assert all(torch.equal(value, before[n]) for n, value in network.state_dict().items())
