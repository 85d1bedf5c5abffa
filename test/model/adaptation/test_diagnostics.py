"""Drift by layer and proxy A-distance, on networks and features whose answer is known."""

from __future__ import annotations

import copy

import pytest
import torch

from model.adaptation import diagnostics
from model.adaptation.diagnostics import drift_by_layer, probe, proxy_a_distances
from test.model.builders import linear, tiny_bank, tiny_network

STATISTICS = "trunk.layer4.0.bn1.running_mean"


def test_drift_is_told_by_layer() -> None:
    before = tiny_network()
    after = copy.deepcopy(before)
    assert drift_by_layer(before, after) == {}
    with torch.no_grad():
        for parameter in after.mitosis.parameters():
            parameter.mul_(1.1)
        after.get_buffer(STATISTICS).mul_(0.0)
    drift = drift_by_layer(before, after)
    assert set(drift) == {"mitosis", "layer4_statistics"}
    assert drift["mitosis"] == pytest.approx(0.1, rel=1e-3)
    statistics = [
        value
        for name, value in before.trunk.layer4.state_dict().items()
        if name.endswith(("running_mean", "running_var"))
    ]
    length = sum(float(value.square().sum()) for value in statistics) ** 0.5
    moved = float(before.get_buffer(STATISTICS).square().sum()) ** 0.5
    assert drift["layer4_statistics"] == pytest.approx(moved / length, rel=1e-3)


def test_probe_of_alike_and_unlike() -> None:
    torch.manual_seed(0)
    first, second = torch.randn(200, 8), torch.randn(200, 8)
    assert probe(first, second) < 0.4
    assert probe(first, second + 5.0) == pytest.approx(2.0, abs=0.05)
    half = torch.where(torch.arange(200)[:, None] < 100, second + 9.0, first)
    assert 0.6 < probe(first, half) < 1.4, "half of it can be separated"


def test_distances_before_and_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network whose features are all the same makes everything alike."""
    network = tiny_network()
    bank = tiny_bank(network, 4)
    target = bank.activations(torch.arange(24)) + 2.0
    blind = copy.deepcopy(network)
    monkeypatch.setattr(blind, "features", lambda inputs, cut: torch.ones(len(inputs), 512))
    found = proxy_a_distances(network, blind, target, bank, "fp32")
    assert found["proxy_a_distance_before"] > 1.5
    assert found["proxy_a_distance_after"] == 0.0
    few = proxy_a_distances(network, blind, target[: 2 * diagnostics.FOLDS - 1], bank, "fp32")
    assert few == {"proxy_a_distance_before": None, "proxy_a_distance_after": None}
    assert linear(network.mitosis).weight.grad is None
