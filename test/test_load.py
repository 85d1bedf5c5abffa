"""Invoke mode under load: `python -m test.load` in small, and at the size that it is meant for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batch import http_server
from test import load
from test.hostile_clients import CLIENTS

# Memory may grow by 5 % over the 950 calls after the 50th. Over 50 calls it moves by up to 5 %, up
# or down, with the call that it is measured after.
GROWTH = {100: 10.0, 1000: 5.0}  # %, by calls
# Over 5 calls with an adaptation after 5 others, the allocator's peak still moves by up to 7 %.
ADAPTED_GROWTH = {10: 15.0, 30: 5.0}  # %, by calls


@pytest.mark.parametrize(
    ("calls", "adapted"),
    [(100, 10), pytest.param(1000, 30, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])],
)
def test_load(calls: int, adapted: int, tmp_path: Path) -> None:
    options = ["--calls", str(calls), "--adapted", str(adapted), "--json", str(tmp_path / "json")]
    status = load.main(options)
    report: dict[str, Any] = json.loads((tmp_path / "json").read_text())
    assert [line for part in report.values() for line in part["wrong"]] == []
    assert status == 0
    for name, count in (("without_adaptation", calls), ("with_adaptation", adapted)):
        statuses = report[name]["statuses"]
        assert set(statuses) == {"201", "500"} and sum(statuses.values()) == count
    assert report["without_adaptation"]["memory_first_measured_after_call"] == 50
    assert report["without_adaptation"]["growth_percent"] <= GROWTH[calls]
    assert report["with_adaptation"]["growth_percent"] <= ADAPTED_GROWTH[adapted]
    at_once = report["at_once"]["statuses"]
    assert at_once["201"] >= http_server.MAX_CALLS and sum(at_once.values()) == load.AT_ONCE
    assert len(report["hostile_clients"]["answers"]) == len(CLIENTS)
    assert (
        report["hostile_clients"]["rss_mib_after"]
        < report["hostile_clients"]["rss_mib_before"] + 100
    )


def test_a_wrong_answer_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The measurement can fail: a server that always answers 201, and writes nothing."""
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(load.Server, "call", lambda *_: 201)
    monkeypatch.setattr(load.Server, "rss", lambda _: 100.0)
    wrong = load.many_calls(load.Server(0, 0, tmp_path / "in", tmp_path / "out"), 12, 6)["wrong"]
    bad = [case.name for case in load.cases() if case.expected == 500]
    assert all(any(f"{name}: 201, not 500" in line for line in wrong) for name in bad)
    assert sum("another result" in line for line in wrong) == 12


def test_a_leak_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    sizes = iter(range(100, 200))
    monkeypatch.setattr(load.Server, "call", lambda *_: 500)
    monkeypatch.setattr(load.Server, "rss", lambda _: float(next(sizes)))
    report = load.many_calls(load.Server(0, 0, tmp_path / "in", tmp_path / "out"), 4, 2)
    assert (report["rss_mib_then"], report["rss_mib_at_end"]) == (101, 102)
    assert report["growth_percent"] == 0.99


def test_what_could_not_be_measured_is_wrong() -> None:
    """And what was measured before is not lost."""

    def parts() -> Iterator[tuple[str, dict[str, Any]]]:
        yield "first", {"wrong": []}
        raise ConnectionRefusedError("no server")

    wrong = ["ConnectionRefusedError: no server"]
    assert load.collect(parts()) == {"first": {"wrong": []}, "not_measured": {"wrong": wrong}}
