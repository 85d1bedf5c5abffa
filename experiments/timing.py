"""Seconds and peak memory of a piece of work, and of the steps of a schedule."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import torch
from torch.utils.benchmark import Timer
from torch.utils.flop_counter import FlopCounterMode

from experiments.peak_memory import forget_peak, own_peak

WARM_UP = 2  # steps that are not timed
PRODUCTS = ((128, 2048, 2048), (1024, 1024, 1024), (2048, 2048, 2048), (1152, 512, 512))

Result = TypeVar("Result")


class Measured(NamedTuple):
    """Seconds of a piece of work, and the most memory of the process meanwhile in bytes."""

    seconds: float
    peak: int | None


class Steps(NamedTuple):
    """The steps of a schedule, of which some were timed.

    Attributes:
        step_seconds: of the mean step.
        timed: number of steps that were timed.
        planned: number of steps of the schedule.
        flops: of a patch in a step.
        peak: memory of the process in bytes.
    """

    step_seconds: float
    timed: int
    planned: int
    flops: float
    peak: int | None

    @property
    def seconds(self) -> float:
        """Of the whole schedule, extrapolated from the mean step."""
        return self.step_seconds * self.planned


def measure(work: Callable[[], Result], repeats: int = 1) -> tuple[Result, Measured]:
    """What work returns, the best of its times, and the peak of the process's memory."""
    best = float("inf")
    forget_peak()
    for _ in range(repeats):
        started = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - started)
    return result, Measured(best, own_peak())


def matrix_products(dtype: torch.dtype, device: torch.device) -> float:
    """FLOP/s of the fastest of some matrix products: what the machine can do at this moment."""
    return max(_product_speed(*sizes, dtype, device) for sizes in PRODUCTS)


def _product_speed(m: int, k: int, n: int, dtype: torch.dtype, device: torch.device) -> float:
    first, second = (torch.randn(s, device=device).to(dtype) for s in ((m, k), (k, n)))
    timer = Timer(
        "first @ second",
        globals={"first": first, "second": second},
        num_threads=torch.get_num_threads(),
    )
    return 2 * m * k * n / min(timer.blocked_autorange(min_run_time=0.1).times)


def flops(work: Callable[[], object]) -> float:
    """Floating point operations of some work, as PyTorch counts them."""
    counter = FlopCounterMode(display=False)
    with counter:
        work()
    return float(counter.get_total_flops())


def mean_step(ends: list[float]) -> tuple[float, int]:
    """Seconds a step, and how many were timed, from the times at which the steps ended."""
    timed = len(ends) - WARM_UP
    return (ends[-1] - ends[WARM_UP - 1]) / timed, timed


def with_warm_up(steps: int | None) -> int | None:
    """Steps to take so that some can be timed; None for the whole schedule."""
    return None if steps is None else WARM_UP + steps
