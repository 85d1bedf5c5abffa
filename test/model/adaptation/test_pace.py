"""Steps end in time, whatever they last, and are no fewer than the time allows."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from model.adaptation.pace import Pace


def run(clock: SimpleNamespace, budget: float, lengths: list[float]) -> tuple[int, float]:
    """Steps taken and seconds used by steps of these lengths."""
    started = clock.now
    watch = Pace(started + budget)
    taken = 0
    for length in lengths:
        if not watch.allows(taken):
            break
        clock.now += length
        taken += 1
    return taken, clock.now - started


@pytest.mark.parametrize(
    ("budget", "steps"), [(10.0, 10), (9.9, 9), (1.0, 1), (0.3, 1), (0.0, 1), (-0.1, 0)]
)
def test_steps_of_one_length(clock: SimpleNamespace, budget: float, steps: int) -> None:
    assert run(clock, budget, [1.0] * 50)[0] == steps


def test_without_a_deadline_all_are_taken(clock: SimpleNamespace) -> None:
    watch = Pace(None)
    clock.now += 1e9
    assert watch.allows(0) and watch.allows(99) and watch.planned(99, 500) == 500


def test_plan_follows_the_speed(clock: SimpleNamespace) -> None:
    watch = Pace(clock.now + 100)
    assert watch.planned(0, 500) == 500, "nothing is known yet"
    clock.now += 4  # the first step is slow
    assert watch.planned(1, 500) == 25
    clock.now += 4
    assert watch.planned(5, 500) == 5 + int(92 / 1.6)
    assert watch.planned(5, 20) == 20, "no more than are wanted"
    clock.now += 1000
    assert watch.planned(6, 500) == 6


@pytest.mark.parametrize("spread", [0.1, 0.5, 1.0])
def test_uneven_steps_keep_within_the_time(clock: SimpleNamespace, spread: float) -> None:
    """Of 200 runs on a machine whose speed varies, nine in ten exceed by less than 5 %."""
    rng = np.random.default_rng(1)
    budget, exceeded, used = 60.0, 0, []
    for _ in range(200):
        lengths = rng.lognormal(np.log(0.3), spread, 4000).tolist()
        _, seconds = run(clock, budget, lengths)
        exceeded += seconds > 1.05 * budget
        used.append(seconds / budget)
    assert exceeded <= 20
    assert np.median(used) > 0.95, "and the time is used"
