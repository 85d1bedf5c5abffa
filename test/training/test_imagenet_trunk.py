"""Batch norm folded into the convolutions and out of them again."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from model.network import MitosisNetwork
from test.builders import write_folded_trunk
from training.imagenet_trunk import load_folded_trunk


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> tuple[MitosisNetwork, MitosisNetwork]:
    """A network with its own statistics, and one loaded from its folded form."""
    torch.manual_seed(0)
    original = MitosisNetwork(2).eval()
    for module in original.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2.0)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    path = tmp_path_factory.mktemp("trunk") / "trunk.npz"
    write_folded_trunk(path, original.trunk)
    loaded = MitosisNetwork(2)
    assert "layer3.1.conv2" in load_folded_trunk(loaded, path, patches())
    return original, loaded


def patches() -> torch.Tensor:
    return torch.randn(16, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def test_the_loaded_network_computes_what_the_folded_one_does(
    networks: tuple[MitosisNetwork, MitosisNetwork],
) -> None:
    original, loaded = networks
    with torch.no_grad():
        expected, actual = (n.eval().below(patches(), 3) for n in (original, loaded))
    assert torch.allclose(expected, actual, atol=1e-3 * float(expected.abs().max()))


def test_training_mode_leaves_the_function_in_place(
    networks: tuple[MitosisNetwork, MitosisNetwork],
) -> None:
    _, loaded = networks
    with torch.no_grad():
        evaluated = loaded.eval().below(patches(), 3)
        trained = loaded.train().below(patches(), 3)
    assert torch.allclose(evaluated, trained, atol=0.05 * float(evaluated.abs().max()))
