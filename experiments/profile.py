"""Which operators of PyTorch the time goes to."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

TOP = 8


def profile(work: Callable[[], object]) -> list[dict[str, Any]]:
    """The operators that take most of some work's time, and the time outside all of them.

    Seconds are those of the calling thread, without the operators called. They include the
    profiler's own time, so only the shares are meaningful.
    """
    started = time.perf_counter()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        work()
        seconds = time.perf_counter() - started
    events = sorted(profiler.key_averages(), key=lambda event: -event.self_cpu_time_total)
    times = [event.self_cpu_time_total / 1e6 for event in events]
    rows = [
        _row(event.key.removeprefix("aten::"), own, seconds, event.count)
        for event, own in zip(events[:TOP], times, strict=False)
    ]
    rows.append(_row("other operators", sum(times[TOP:]), seconds, None))
    rows.append(_row("outside PyTorch", max(seconds - sum(times), 0.0), seconds, None))
    return rows


def _row(name: str, own: float, seconds: float, calls: int | None) -> dict[str, Any]:
    return {
        "operator": name,
        "seconds": round(own, 3),
        "share": round(own / seconds, 4),
        "calls": calls,
    }
