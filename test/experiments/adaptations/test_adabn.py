"""Statistics are the image's, or a blend; weights stay."""

from __future__ import annotations

import pytest
import torch

from experiments.adaptations.adabn import adapt
from experiments.adaptations.registry import CONTROLS
from model.activations import activations_below
from model.adaptation.base import AdaptationSettings
from model.network import MitosisNetwork
from test.model.builders import some_patches, tiny_bank, tiny_network


def adapted(share: float) -> tuple[MitosisNetwork, MitosisNetwork, torch.Tensor]:
    network, before = tiny_network(), tiny_network()
    target = activations_below(network, some_patches(40), 3, "fp32").clone()
    adapt(network, target, tiny_bank(network, 3), AdaptationSettings(), share)
    return network, before, target


def test_first_layer_has_the_statistics_of_the_image() -> None:
    network, _, target = adapted(1.0)
    seen = network.get_submodule("trunk.layer4.0.conv1")(target).detach()
    found = dict(network.named_buffers())
    name = "trunk.layer4.0.bn1."
    torch.testing.assert_close(found[name + "running_mean"], seen.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(found[name + "running_var"], seen.var(dim=(0, 2, 3)))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_share_blends(share: float) -> None:
    blended, before, _ = adapted(share)
    full, _, _ = adapted(1.0)
    for name, value in blended.state_dict().items():
        if "running" in name:
            expected = share * full.state_dict()[name] + (1 - share) * before.state_dict()[name]
            torch.testing.assert_close(value, expected)
        elif "tracked" not in name:
            assert torch.equal(value, before.state_dict()[name])
    assert not any(module.training for module in blended.modules())


def test_layers_below_the_cut_keep_their_statistics() -> None:
    network, before, _ = adapted(1.0)
    changed = {
        name.split(".")[1]
        for name, value in network.state_dict().items()
        if "running" in name and not torch.equal(value, before.state_dict()[name])
    }
    assert changed == {"layer4"}


def test_arms_take_all_or_a_share() -> None:
    for name, share in (("adabn", 1.0), ("adabn-blended", 0.3), ("adabn-calibrated", 0.3)):
        network = tiny_network()
        bank = tiny_bank(network, 3)
        target = bank.activations(torch.arange(12))
        adapted = CONTROLS[name].load()(network, target, bank, AdaptationSettings())
        assert adapted.record["target_share"] == share
