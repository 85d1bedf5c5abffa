"""Steps end in time and are recorded."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from model.adaptation.base import AdaptationSettings
from model.adaptation.steps import REVERSAL_LOSSES, Steps

STEPS = 100


def take(
    steps: int, clock: Any = None, budget: float = 0.0, seconds: float = 1.0
) -> dict[str, Any]:
    """The record of steps of a second; each adds 1 to the weight of a small network."""
    network: Any = nn.BatchNorm1d(1)
    deadline = None if clock is None else clock.now + budget
    taken = Steps(network, AdaptationSettings(deadline=deadline))
    for number in taken.over(range(steps)):
        with torch.no_grad():
            network.weight += 1
        if clock is not None:
            clock.now += 1
        taken.add({"loss": float(number)})
    return taken.record()


@pytest.mark.parametrize("budget", [1, 2, 7, 16, 17, 30, 63])
def test_run_that_a_deadline_ends_is_one_of_as_many_steps(
    clock: SimpleNamespace, budget: int
) -> None:
    ended = take(STEPS, clock, budget)
    assert (ended["steps"], ended["planned_steps"]) == (budget, STEPS)
    again = take(budget)
    assert ended["curve"] == again["curve"] and ended["drift"] == again["drift"]


def test_no_batch_is_no_step() -> None:
    record = take(0)
    assert record == {"planned_steps": 0, "steps": 0, "diverged": False, "drift": 0.0, "curve": {}}


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_loss_that_is_not_finite_is_the_last(loss: float) -> None:
    network: Any = nn.Linear(1, 1)
    steps = Steps(network, AdaptationSettings())
    taken = 0
    for number in steps.over(range(STEPS)):
        taken += 1
        steps.add({"loss": loss if number == 3 else 1.0})
    record = steps.record()
    assert taken == record["steps"] == 4 and record["diverged"]


def test_plan_is_reported(clock: SimpleNamespace) -> None:
    reported: list[tuple[int, int]] = []
    settings = AdaptationSettings(
        deadline=clock.now + 9, on_step=lambda *numbers: reported.append(numbers)
    )
    steps = Steps(nn.Linear(1, 1), settings)  # type: ignore[arg-type]
    for _ in steps.over(range(STEPS)):
        clock.now += 2
        steps.add({"loss": 0.0})
    assert reported == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("bad", [None, 0, 7, 19, 20, 30])
def test_losses_of_a_tensor_have_names(bad: int | None) -> None:
    steps = Steps(nn.Linear(1, 1), AdaptationSettings())  # type: ignore[arg-type]
    for number in steps.over(range(STEPS)):
        steps.add(torch.tensor([float("nan") if number == bad else number, 1.0, 0.5]))
    record = steps.record()
    assert record["steps"] == (STEPS if bad is None else bad + 1)
    assert record["diverged"] == (bad is not None)
    assert set(record["curve"]) == {"steps_a_point", *REVERSAL_LOSSES}
