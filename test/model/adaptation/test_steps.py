"""Steps end in time, and what the guard sees of them follows from their number alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from model.adaptation.base import AdaptationSettings
from model.adaptation.steps import Taken, take_steps

STEPS = 100


def count(steps: int, average: float = 0.0, clock: Any = None, budget: float = 0.0) -> Taken:
    """Steps of a second; each adds 1 to the weight and to a statistic of a small network."""
    network: Any = nn.BatchNorm1d(1)
    with torch.no_grad():
        network.weight.zero_()

    def step(_: int) -> dict[str, float]:
        with torch.no_grad():
            network.weight += 1
            network.running_mean += 1
        if clock is not None:
            clock.now += 1
        return {"loss": 1.0}

    deadline = None if clock is None else clock.now + budget
    settings = AdaptationSettings(deadline=deadline)
    taken = take_steps(network, range(steps), step, settings, average)
    assert not network.training
    return taken


def halfway(taken: Taken) -> tuple[float, float] | None:
    """Weight and statistic."""
    network: Any = taken.halfway
    return None if network is None else (network.weight.item(), network.running_mean.item())


@pytest.mark.parametrize("steps", [*range(20), 33, 64, 65, 97, 200])
def test_network_halfway(steps: int) -> None:
    found = halfway(count(steps))
    if steps < 2:
        assert found is None
    else:
        assert found is not None and found[0] == found[1], "weights and statistics of one step"
        assert steps / 4 < found[0] <= (steps + 1) / 2 and found[0] < steps


@pytest.mark.parametrize("budget", [1, 2, 7, 16, 17, 30, 63])
def test_run_that_a_deadline_ends_is_one_of_as_many_steps(
    clock: SimpleNamespace, budget: int
) -> None:
    ended = count(STEPS, clock=clock, budget=budget)
    assert (ended.account["steps"], ended.account["planned_steps"]) == (budget, STEPS)
    again = count(budget)
    assert halfway(ended) == halfway(again)
    assert ended.account["curve"] == again.account["curve"]
    assert ended.account["drift"] == again.account["drift"]


def test_moving_average_of_the_weights() -> None:
    """After n steps from 0 by 1 each, by hand."""
    network: Any = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.zero_()

    def step(_: int) -> dict[str, float]:
        with torch.no_grad():
            network.weight += 1
        return {"loss": 0.0}

    take_steps(network, range(4), step, AdaptationSettings(), average=0.5)
    mean = 0.0
    for weight in (1, 2, 3, 4):
        mean = 0.5 * mean + 0.5 * weight
    assert network.weight.item() == pytest.approx(mean)


def test_plan_is_told(clock: SimpleNamespace) -> None:
    told: list[tuple[int, int]] = []
    network: Any = nn.Linear(1, 1)

    def step(_: int) -> dict[str, float]:
        clock.now += 2
        return {"loss": 0.0}

    settings = AdaptationSettings(
        deadline=clock.now + 9, on_step=lambda *numbers: told.append(numbers)
    )
    take_steps(network, range(STEPS), step, settings)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
