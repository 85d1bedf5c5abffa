"""Batch norm statistics of unaugmented candidates."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from model.network import MitosisNetwork
from model.patches import normalise
from test.builders import rendered_samples
from training import statistics
from training.compute import SINGLE_PROCESS
from training.mixture import Mixture
from training.statistics import set_candidate_statistics


def test_statistics_are_those_of_negatives_at_a_small_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of the first batch norm: mean and variance of its input over nearly all negatives."""
    monkeypatch.setattr(statistics, "BATCHES", 4)
    monkeypatch.setattr(statistics, "BATCH", Mixture(size=64))
    samples = rendered_samples()
    torch.manual_seed(0)
    network = MitosisNetwork(2)
    before = {name: p.clone() for name, p in network.named_parameters()}
    set_candidate_statistics(network, samples, 0.002, 0, SINGLE_PROCESS)
    negatives = np.flatnonzero(~samples.mitotic)
    patches = torch.from_numpy(np.stack([samples.patch(int(i)) for i in negatives]))
    with torch.no_grad():
        values = network.trunk.conv1(normalise(patches))
    norm = network.trunk.bn1
    assert norm.running_mean is not None and norm.running_var is not None
    spread = values.std(dim=(0, 2, 3))
    assert ((norm.running_mean - values.mean(dim=(0, 2, 3))).abs() < 0.15 * spread).all()
    torch.testing.assert_close(norm.running_var, values.var(dim=(0, 2, 3)), rtol=0.2, atol=1e-4)
    assert not network.training
    assert all(torch.equal(p, before[name]) for name, p in network.named_parameters())
