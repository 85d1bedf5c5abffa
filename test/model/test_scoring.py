"""Scores: the parts below and above the cut together are the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit

from model import scoring
from model.activations import activations_below, as_input
from model.network import CUTS, MITOTIC, MitosisNetwork
from model.patches import PatchCutter, normalise
from model.scoring import (
    BELOW_LEVEL,
    NEAR_THRESHOLD,
    least_seen_again,
    mitosis_probabilities,
    score,
)
from model.screen import REJECTED, Screen, ScreenNetwork
from model.target import TargetDomain
from test.model.builders import field, some_patches, tiny_network

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
    monkeypatch.setattr(scoring, "ABOVE", batch_size)
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


@pytest.mark.parametrize(
    ("level", "least"),
    [(-2.0, -2.0 - BELOW_LEVEL), (-8.0, np.log(0.01 / 0.99)), (3.0, NEAR_THRESHOLD)],
)
def test_seen_again_is_what_may_be_reported(level: float, least: float) -> None:
    """Relative to the image's level; never what is not reported, always what may be a figure."""
    one_view = expit(np.full(50, level)).astype(np.float32)
    assert least_seen_again(one_view) == pytest.approx(least, abs=1e-3)


def test_no_candidates_have_a_limit() -> None:
    assert least_seen_again(np.zeros(0, np.float32)) == NEAR_THRESHOLD


def test_rejected_candidates_have_no_probability(network: MitosisNetwork) -> None:
    pixels = field(size=(100, 130))
    centres = np.random.default_rng(1).uniform(0, 99, (12, 2))
    torch.manual_seed(0)
    screen = Screen(ScreenNetwork(), 0.0)
    open_target = TargetDomain(network, pixels, centres, 3, "fp32")
    screen.limit = float(screen.estimates(PatchCutter(pixels).cut(centres)).median())
    target = TargetDomain(network, pixels, centres, 3, "fp32", screen=screen)
    found, every = score(network, target).one_view, score(network, open_target).one_view
    rejected = np.setdiff1d(np.arange(12), target.likely())
    assert 0 < len(rejected) < 12 and (found[rejected] == REJECTED).all()
    np.testing.assert_allclose(found[target.likely()], every[target.likely()], rtol=1e-5)
