"""The ResNet-18 is torchvision's."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from model.network import MitosisNetwork
from model.resnet import ResNet18


def test_same_seed_gives_the_same_weights_under_the_same_names_in_the_same_order() -> None:
    torch.manual_seed(7)
    expected = resnet18(weights=None).state_dict()
    torch.manual_seed(7)
    found = ResNet18().state_dict()
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("size", [64, 37])
def test_outputs_gradients_and_statistics_are_bit_identical(training: bool, size: int) -> None:
    images = torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(1))
    theirs, ours = _pair(training)
    for network in (theirs, ours):
        network(images).square().sum().backward()
    with torch.no_grad():
        assert torch.equal(ours(images), theirs(images))
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert mine.grad is not None and mine.grad.any()
        assert torch.equal(mine.grad, other.grad)  # type: ignore[arg-type]
    for name, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value), name


@pytest.mark.parametrize("name", ["layer1", "layer2", "layer3", "layer4"])
def test_layers_have_the_same_modules(name: str) -> None:
    theirs, ours = _pair(training=False)
    assert str(getattr(ours, name)) == str(getattr(theirs, name))


def test_trunk_is_torchvision_s_without_its_last_layer() -> None:
    names = {f"trunk.{n}" for n in resnet18(weights=None).state_dict() if not n.startswith("fc.")}
    own = set(MitosisNetwork(2).state_dict())
    assert {name for name in own if name.startswith("trunk.")} == names
    assert {name.split(".")[0] for name in own} == {"trunk", "mitosis", "scanner"}


def _pair(training: bool) -> tuple[nn.Module, nn.Module]:
    """torchvision's network and ours, with the same weights and statistics."""
    theirs, ours = resnet18(weights=None), ResNet18()
    random = torch.Generator().manual_seed(2)
    for value in theirs.state_dict().values():
        if value.ndim == 1:  # of batch norm and the bias
            value.copy_(torch.rand(value.shape, generator=random) + 0.5)
    ours.load_state_dict(theirs.state_dict())
    return theirs.train(training), ours.train(training)
