"""Means of steps, counted operations and peaks; no test depends on elapsed time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments.timing import Steps, flops, matrix_products, mean_step, measure, with_warm_up


def test_first_steps_are_not_timed() -> None:
    seconds, timed = mean_step([0.5, 1.0, 2.0, 3.0, 5.0])
    assert seconds == pytest.approx(4 / 3) and timed == 3
    assert with_warm_up(4) == 6 and with_warm_up(None) is None


def test_schedule_is_extrapolated_from_the_mean_step() -> None:
    assert Steps(0.5, 10, 1860, 1e6, None).seconds == pytest.approx(930)


def test_operations_of_a_product() -> None:
    first, second = torch.ones(3, 5), torch.ones(5, 7)
    assert flops(lambda: first @ second) == 2 * 3 * 5 * 7


def test_work_is_repeated_and_its_memory_measured() -> None:
    calls: list[int] = []

    def work() -> int:
        calls.append(np.ones(50 << 20, np.uint8).size)
        return len(calls)

    result, measured = measure(work, repeats=3)
    assert result == 3 and len(calls) == 3
    assert measured.seconds > 0
    assert measured.peak is None or measured.peak > 50 << 20


def test_speed_of_products_is_positive_and_finite() -> None:
    assert 1e6 < matrix_products(torch.float32, torch.device("cpu")) < 1e16
