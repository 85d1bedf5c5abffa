"""Scores: the parts below and above the cut together are the network."""

from __future__ import annotations

import pytest
import torch

from model import scoring
from model.activations import activations_below, as_input
from model.network import CUTS, MITOTIC, MitosisNetwork
from model.patches import normalise
from model.scoring import mitosis_probabilities
from test.model.builders import some_patches, tiny_network

PATCHES = some_patches(11)


@pytest.fixture(scope="module")
def network() -> MitosisNetwork:
    return tiny_network()


@pytest.fixture(scope="module")
def expected(network: MitosisNetwork) -> torch.Tensor:
    with torch.no_grad():
        logits = network(normalise(PATCHES)).mitosis
    return torch.exp(logits[:, MITOTIC]) / torch.exp(logits).sum(dim=1)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("batch_size", [512, 4])
def test_probabilities_at_any_cut(
    network: MitosisNetwork,
    expected: torch.Tensor,
    monkeypatch: pytest.MonkeyPatch,
    cut: int,
    batch_size: int,
) -> None:
    monkeypatch.setattr(scoring, "BATCH_SIZE", batch_size)
    activations = activations_below(network, PATCHES, cut, "fp32")
    probabilities = mitosis_probabilities(network, activations, cut, "fp32")
    assert probabilities.shape == (11,) and probabilities.dtype == torch.float32
    torch.testing.assert_close(probabilities, expected, rtol=1e-4, atol=1e-6)


def test_bf16_is_near_fp32(network: MitosisNetwork, expected: torch.Tensor) -> None:
    activations = activations_below(network, PATCHES, 3, "bf16")
    assert activations.dtype == torch.bfloat16
    probabilities = mitosis_probabilities(network, activations, 3, "bf16")
    assert probabilities.dtype == torch.float32
    torch.testing.assert_close(probabilities, expected, rtol=0, atol=0.01)


def test_pixels_are_kept_as_they_are_at_cut_0(network: MitosisNetwork) -> None:
    assert activations_below(network, PATCHES, 0, "bf16") is PATCHES
    assert torch.equal(as_input(PATCHES, 0), normalise(PATCHES))
    assert as_input(torch.ones(1, dtype=torch.bfloat16), 3).dtype == torch.float32


def test_network_in_training_mode_is_brought_back(
    network: MitosisNetwork, expected: torch.Tensor
) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    activations = activations_below(network, PATCHES, 3, "fp32")
    assert not network.training
    network.train()
    probabilities = mitosis_probabilities(network, activations, 3, "fp32")
    assert not network.training
    torch.testing.assert_close(probabilities, expected, rtol=1e-4, atol=1e-6)
    assert all(torch.equal(value, before[n]) for n, value in network.state_dict().items())


def test_nothing_to_classify(network: MitosisNetwork) -> None:
    assert mitosis_probabilities(network, torch.zeros(0, 256, 4, 4), 3, "fp32").shape == (0,)
