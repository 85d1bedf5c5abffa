"""The paper's arm: batch norm in training mode."""

from __future__ import annotations

import torch

from model.adaptation import paper
from model.adaptation.base import AdaptationSettings
from model.scoring import activations_below
from test.model.builders import some_patches, tiny_bank, tiny_network

SETTINGS = AdaptationSettings(epochs=1, batch_size=64)


def test_statistics_become_those_of_source_and_target_mixed() -> None:
    """At a rate of zero nothing else moves; momentum is a tenth a step."""
    network = tiny_network()
    bank = tiny_bank(network, 3)
    target = activations_below(network, some_patches(8, seed=9), 3, "fp32").clone()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    inputs = torch.cat([bank.activations(torch.nonzero(~bank.check & ~bank.reserve)[:, 0]), target])
    with torch.no_grad():
        entering = network.trunk.layer4[0].conv1(inputs)
    adapted = paper.adapt(
        network, target, bank, AdaptationSettings(epochs=1, batch_size=64, learning_rate=0.0)
    )
    norm = adapted.network.trunk.layer4[0].bn1
    name = "trunk.layer4.0.bn1."
    expected = 0.9 * before[name + "running_mean"] + 0.1 * entering.mean(dim=(0, 2, 3))
    torch.testing.assert_close(norm.running_mean, expected, rtol=1e-4, atol=1e-5)
    expected = 0.9 * before[name + "running_var"] + 0.1 * entering.var(dim=(0, 2, 3))
    torch.testing.assert_close(norm.running_var, expected, rtol=1e-4, atol=1e-5)
    assert adapted.account["batch_norm"] == "training"
    for parameter_name, parameter in adapted.network.named_parameters():
        assert torch.equal(parameter, before[parameter_name]), parameter_name


def test_statistics_below_the_cut_stay() -> None:
    network = tiny_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    target = activations_below(network, some_patches(8, seed=9), 3, "fp32").clone()
    adapted = paper.adapt(network, target, tiny_bank(network, 3), SETTINGS)
    moved = {
        name.split(".")[1]
        for name, value in adapted.network.state_dict().items()
        if "running" in name and not torch.equal(value, before[name])
    }
    assert moved == {"layer4"}
