"""The moving average against its sum written out."""

from __future__ import annotations

import pytest
import torch

from model.adaptation.averaging import MovingAverage

DECAY = 0.75
VALUES = (3.0, -1.0, 5.0)


@pytest.mark.parametrize("decay", [DECAY, 0.0])
def test_each_step_counts_with_its_decay(decay: float) -> None:
    parameter = torch.nn.Parameter(torch.tensor([2.0]))
    average = MovingAverage([parameter], decay)
    for value in VALUES:
        with torch.no_grad():
            parameter.fill_(value)
        average.update()
    average.replace_parameters()
    expected = decay**3 * 2.0 + (1 - decay) * (3.0 * decay**2 - 1.0 * decay + 5.0)
    assert parameter.item() == pytest.approx(expected)


def test_without_a_step_nothing_changes() -> None:
    parameter = torch.nn.Parameter(torch.tensor([2.0, 7.0]))
    MovingAverage([parameter], DECAY).replace_parameters()
    assert parameter.tolist() == [2.0, 7.0]
