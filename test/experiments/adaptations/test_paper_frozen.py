"""The paper's arm with the shipped statistics: only weights move."""

from __future__ import annotations

import torch

from experiments.adaptations import paper_frozen
from model.activations import activations_below
from model.adaptation.base import AdaptationSettings
from test.model.builders import some_patches, tiny_bank, tiny_network


def test_no_statistic_moves_but_weights_do() -> None:
    network = tiny_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    target = activations_below(network, some_patches(8, seed=9), 2, "fp32").clone()
    settings = AdaptationSettings(epochs=1, batch_size=16)
    adapted = paper_frozen.adapt(network, target, tiny_bank(network, 2), settings)
    assert adapted.network is network and adapted.account["batch_norm"] == "frozen"
    buffers = dict(network.named_buffers())
    assert len(buffers) == 60 and all(torch.equal(v, before[n]) for n, v in buffers.items())
    moved = {n for n, p in network.named_parameters() if not torch.equal(p, before[n])}
    assert {name.split(".")[1] for name in moved if name.startswith("trunk")} == {
        "layer3",
        "layer4",
    }
    # Adam's steps are as long as the rate: the paper's drift is this small.
    largest = max(
        float((p.detach() - before[n]).abs().max()) for n, p in network.named_parameters()
    )
    assert 1.7e-6 * 0.5 < largest < 1.7e-6 * 1.1 * adapted.account["steps"]
