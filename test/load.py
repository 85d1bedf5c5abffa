"""Invoke mode under load: many calls on good and bad inputs, several at once, hostile clients.

Starts serve.py twice, without adaptation and with it, calls it as the platform does, with a fresh
/input and /output for every call, and prints JSON: calls served, statuses, what was wrong, resident
memory of the server after some calls and at the end, seconds. Exit status 1 where anything was
wrong. Local only: the server listens on the loopback.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import SimpleITK as sitk

from batch import http_server
from batch.inputs import SLUG
from batch.layout import FIGURES_FILE
from test import hostile_clients
from test.rendering import render_tissue
from training.tiff import write_tiff

ROOT = Path(__file__).resolve().parents[1]
NONE = ("--adaptation", "none")
ADAPTED = ("--adaptation", "gradient-reversal", "--max-steps", "2", "--batch-size", "16")
MEBIBYTE = 1 << 20
TIMEOUT = 300.0  # s, for an answer
SLOW_CLIENTS = 200
AT_ONCE = 24  # calls


class Case(NamedTuple):
    """An input: `write` fills the folder; `expected` is the status that answers it."""

    name: str
    write: Callable[[Path], object]
    expected: int


class Server(NamedTuple):
    """A running serve.py, and the folders that it reads and writes."""

    pid: int
    port: int
    source: Path
    target: Path

    def call(self, method: str = "POST", path: str = "/invoke") -> int:
        """The status of an answer."""
        connection = http.client.HTTPConnection(hostile_clients.HOST, self.port, timeout=TIMEOUT)
        with contextlib.closing(connection):
            connection.request(method, path)
            return connection.getresponse().status

    def rss(self) -> float:
        """Resident memory in MiB."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0]) / 1024


# ------------------------------------------------------------------------------------------- inputs


def cases() -> list[Case]:
    """Small inputs, good and bad in turn."""
    fields = [render_tissue((90, 110), figures=0, seed=seed)[0] for seed in range(3)]

    def image(name: str, seed: int = 0, **options: Any) -> Callable[[Path], object]:
        return lambda folder: write_tiff(folder / name, fields[seed], 0.25, **options)

    def raw(name: str, content: bytes) -> Callable[[Path], object]:
        return lambda folder: (folder / name).write_bytes(content)

    def truncated(folder: Path) -> None:
        image("cut.tif")(folder)
        content = (folder / "cut.tif").read_bytes()
        (folder / "cut.tif").write_bytes(content[: len(content) // 2])

    def platform(folder: Path) -> None:
        place = folder / "images" / SLUG
        place.mkdir(parents=True)
        image("of the platform.tif", seed=2)(place)
        (folder / "inputs.json").write_text(json.dumps([{"socket": {"slug": SLUG}}]))

    def metaimage(folder: Path) -> None:
        picture = sitk.GetImageFromArray(fields[1], isVector=True)
        picture.SetSpacing((0.00025, 0.00025))
        sitk.WriteImage(picture, str(folder / "field.mha"))

    def both(*writes: Callable[[Path], object]) -> Callable[[Path], object]:
        return lambda folder: [write(folder) for write in writes]

    white = np.full((64, 64, 3), 255, np.uint8)
    return [
        Case("field", image("field.tif"), 201),
        Case("garbage", raw("garbage.tif", b"garbage " * 99), 500),
        Case("tiles", image("tiles.tif", 1, tile=(16, 16), compression="zlib"), 201),
        Case("nothing", lambda folder: None, 500),
        Case("platform", platform, 201),
        Case("truncated", truncated, 500),
        Case("MetaImage", metaimage, 201),
        Case("no pixel size", image("unsized.tif", resolution=(1, 1), resolutionunit=1), 500),
        Case("white", lambda folder: write_tiff(folder / "white.tif", white, 0.25), 201),
        Case("one of two is bad", both(image("good.tif"), raw("bad.tif", b"II*\0")), 500),
        Case("bad inputs.json", both(image("a.tif", 2), raw("inputs.json", b"[" * 9999)), 201),
        Case("odd name", image("quote ' line\n \udcff.tif"), 500),
    ]


def refill(server: Server, case: Case) -> None:
    """A fresh /input and /output."""
    for folder in (server.source, server.target):
        for entry in folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    case.write(server.source)


# --------------------------------------------------------------------------------------- the server


@contextlib.contextmanager
def running(*options: str) -> Iterator[Server]:
    """serve.py with the shipped weights, ready to be called."""
    with tempfile.TemporaryDirectory(prefix="load-") as name, socket.socket() as probe:
        folder = Path(name)
        for part in ("input", "output"):
            (folder / part).mkdir()
        probe.bind((hostile_clients.HOST, 0))
        port = probe.getsockname()[1]
        probe.close()
        command = [sys.executable, "serve.py", "--port", str(port), "--precision", "fp32"]
        command += ["--input", f"{folder}/input", "--output", f"{folder}/output", *options]
        with (folder / "log").open("wb") as log:  # a pipe that nobody reads would fill up
            process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
            server = Server(process.pid, port, folder / "input", folder / "output")
            try:
                _wait_until_healthy(server, process, folder / "log")
                yield server
            finally:
                process.kill()
                process.wait()


def _wait_until_healthy(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + TIMEOUT
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError):
            if server.call("GET", "/health") == 200:
                return
        time.sleep(0.2)
    raise RuntimeError(f"no healthy server: {log.read_text(errors='replace')}")


# ------------------------------------------------------------------------------------- measurements


def many_calls(server: Server, count: int, mark: int) -> dict[str, Any]:
    """Calls one after the other, the inputs in random order.

    The answer must be the case's, and a good case's result the same as at its first call, whatever
    came between. `mark`: the call after which memory is first measured.
    """
    random_order = random.Random(0)
    chosen = cases()
    statuses: Counter[int] = Counter()
    first: dict[str, bytes] = {}
    wrong: list[str] = []
    started = time.monotonic()
    at_mark = server.rss()
    for number in range(1, count + 1):
        case = chosen[(number - 1) % len(chosen)]
        if case is chosen[0]:
            random_order.shuffle(chosen)
            case = chosen[0]
        refill(server, case)
        status = server.call()
        statuses[status] += 1
        figures = server.target / FIGURES_FILE
        result = figures.read_bytes() if figures.exists() else b""
        if status != case.expected:
            wrong.append(f"call {number}, {case.name}: {status}, not {case.expected}")
        if result != first.setdefault(case.name, result) or bool(result) != (status == 201):
            wrong.append(f"call {number}, {case.name}: another result than at first")
        if number == mark:
            at_mark = server.rss()
    at_end = server.rss()
    return {
        "calls": count,
        "statuses": _sorted(statuses),
        "wrong": wrong,
        "kinds_of_input": len(chosen),
        "memory_first_measured_after_call": mark,
        "rss_mib_then": round(at_mark, 1),
        "rss_mib_at_end": round(at_end, 1),
        "growth_percent": round(100 * (at_end / at_mark - 1), 2),
        "seconds": round(time.monotonic() - started, 1),
    }


def calls_at_once(server: Server) -> dict[str, Any]:
    """More calls than may wait: each is served or refused, and /health answers meanwhile."""
    refill(server, cases()[0])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        calls = [pool.submit(server.call) for _ in range(AT_ONCE)]
        started = time.monotonic()
        health = server.call("GET", "/health")
        seconds = time.monotonic() - started
        statuses = Counter(call.result() for call in calls)
    wrong = [] if health == 200 else [f"/health answered {health}"]
    if set(statuses) - {201, 503} or statuses[201] < http_server.MAX_CALLS:
        wrong.append(f"statuses {_sorted(statuses)}")
    return {
        "calls": AT_ONCE,
        "statuses": _sorted(statuses),
        "wrong": wrong,
        "health_seconds": round(seconds, 2),
    }


def hostile(server: Server) -> dict[str, Any]:
    """Every hostile client beside many slow ones; then a good call is answered as before."""
    good = cases()[0]
    refill(server, good)
    before = server.rss()
    answers: dict[str, int] = {}
    wrong: list[str] = []
    started = time.monotonic()
    with hostile_clients.slow_ones(server.port, SLOW_CLIENTS):
        unread = [hostile_clients.never_reading(server.port) for _ in range(4)]
        for _ in range(20):
            hostile_clients.reset(server.port)
        for client in hostile_clients.CLIENTS:
            answers[client.name] = hostile_clients.status_of(server.port, client)
            if answers[client.name] not in client.statuses:
                wrong.append(f"{client.name}: {answers[client.name]}")
        if any(server.target.iterdir()):
            wrong.append("one of them was taken for a call")
        if server.call("GET", "/health") != 200 or server.call() != 201:
            wrong.append("a good client got no answer beside them")
        for connection in unread:
            connection.close()
    refill(server, good)
    if server.call() != 201 or not (server.target / FIGURES_FILE).exists():
        wrong.append("a good call failed after them")
    return {
        "clients": len(answers) + SLOW_CLIENTS + len(unread) + 20,
        "slow_clients": SLOW_CLIENTS,
        "answers": answers,
        "wrong": wrong,
        "rss_mib_before": round(before, 1),
        "rss_mib_after": round(server.rss(), 1),
        "seconds": round(time.monotonic() - started, 1),
    }


def measure(calls: int, adapted: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """All measurements, each with its name as soon as it is made."""
    with running(*NONE) as server:
        yield "without_adaptation", many_calls(server, calls, min(50, calls))
        yield "at_once", calls_at_once(server)
        yield "hostile_clients", hostile(server)
    with running(*ADAPTED) as server:
        yield "with_adaptation", many_calls(server, adapted, max(adapted // 2, 1))


def collect(parts: Iterator[tuple[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """The parts by name. What could not be measured counts as wrong, and loses no part before."""
    report: dict[str, dict[str, Any]] = {}
    try:
        report.update(parts)
    except (RuntimeError, OSError, http.client.HTTPException) as error:
        report["not_measured"] = {"wrong": [f"{type(error).__name__}: {error}"]}
    return report


def _sorted(statuses: Counter[int]) -> dict[str, int]:
    return {str(status): statuses[status] for status in sorted(statuses)}


def main(arguments: list[str] | None = None) -> int:
    """Command line; the exit status is 1 where anything was wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m test.load", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--calls", type=int, default=1000, help="without adaptation [%(default)s]")
    parser.add_argument("--adapted", type=int, default=30, help="calls with it [%(default)s]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    options = parser.parse_args(arguments)
    report = collect(measure(options.calls, options.adapted))
    text = json.dumps(report, indent=1)
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n")
    return 1 if any(part["wrong"] for part in report.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
