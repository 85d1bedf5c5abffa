"""The network: its widths, and that a cut divides it without changing it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from model.network import CUTS, MitosisNetwork
from model.patches import normalise
from test.model.builders import linear, some_patches, tiny_network

SHAPES = {0: (3, 64, 64), 1: (64, 16, 16), 2: (128, 8, 8), 3: (256, 4, 4), 4: (512, 2, 2)}


@pytest.mark.parametrize("cut", CUTS)
def test_any_cut_gives_the_logits_of_cut_0(cut: int) -> None:
    network, patches = tiny_network(), normalise(some_patches(4))
    with torch.no_grad():
        whole = network(patches)
        activations = network.below(patches, cut)
        assert activations.shape == (4, *SHAPES[cut])
        divided = network(activations, cut)
    assert whole.mitosis.std() > 0
    torch.testing.assert_close(divided.mitosis, whole.mitosis, rtol=0, atol=0)
    torch.testing.assert_close(divided.scanner, whole.scanner, rtol=0, atol=0)


@pytest.mark.parametrize("cut", [1, 2, 3, 4])
def test_activations_at_a_cut_are_not_negative(cut: int) -> None:
    """The bank stores them with the positive half of int8."""
    with torch.no_grad():
        assert tiny_network().below(normalise(some_patches(4)), cut).min() >= 0


@pytest.mark.parametrize("domains", [1, 3, 6])
def test_scanner_branch_has_room_for_the_target(domains: int) -> None:
    with torch.no_grad():
        outputs = tiny_network(domains=domains)(normalise(some_patches(2)))
    assert outputs.mitosis.shape == (2, 2)
    assert outputs.scanner.shape == (2, domains + 1)


def test_branches_have_three_fully_connected_layers() -> None:
    network = MitosisNetwork(6)
    for branch, outputs in ((network.mitosis, 2), (network.scanner, 7)):
        layers = [module for module in branch if isinstance(module, nn.Linear)]
        assert [layer.in_features for layer in layers] == [512, 256, 64]
        assert layers[-1].out_features == outputs


@pytest.mark.parametrize("cut", CUTS)
def test_modules_above_a_cut(cut: int) -> None:
    network = tiny_network()
    above = {id(p) for module in network.modules_above(cut) for p in module.parameters()}
    names = {name for name, p in network.named_parameters() if id(p) in above}
    trunk = {".".join(name.split(".")[:2]) for name in names if name.startswith("trunk.")}
    layers = {f"trunk.layer{i}" for i in range(max(cut, 1) + (cut > 0), 5)}
    assert trunk == layers | ({"trunk.conv1", "trunk.bn1"} if cut == 0 else set())
    branches = {name for name in names if not name.startswith("trunk.")}
    assert len(branches) == 12


def test_reversed_gradient_reaches_the_trunk_alone() -> None:
    """Its gradient is that of the mitosis loss minus lambda times that of the scanner loss."""
    network, patches = tiny_network(), normalise(some_patches(3))
    weight = network.get_parameter("trunk.layer4.1.conv2.weight")

    def gradients(mitosis: float, scanner: float, reversal: float) -> list[torch.Tensor]:
        network.zero_grad()
        outputs = network(patches, reversal_weight=reversal)
        loss = mitosis * outputs.mitosis.square().sum() + scanner * outputs.scanner.square().sum()
        loss.backward()
        parameters = (weight, *(linear(b, 0).weight for b in (network.mitosis, network.scanner)))
        return [p.grad.clone() for p in parameters if p.grad is not None]

    both = gradients(1, 1, 0.3)
    mitosis, scanner = gradients(1, 0, 0.3), gradients(0, 1, -1)
    torch.testing.assert_close(both[0], mitosis[0] - 0.3 * scanner[0], rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(both[1], mitosis[1])
    torch.testing.assert_close(both[2], scanner[2])
    assert scanner[0].abs().max() > 1e-4
