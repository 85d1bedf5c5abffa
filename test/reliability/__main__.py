"""Odd inputs, kills, served calls and a large image: the figures of docs/reliability.md.

Every part says what it tried and what was wrong. The exit status is 1 where anything was.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

from slide.memory import GIB
from test.reliability.kills import survive_kills
from test.reliability.large_image import measure

ROOT = Path(__file__).resolve().parents[2]
MEMORY = 4  # GiB, for the large image
LOAD = "test.load"  # calls served by the invoke mode


@dataclass
class Part:
    """What a part of the command has found: figures by name, what was wrong, seconds."""

    figures: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


def odd_inputs(options: argparse.Namespace, folder: Path) -> Part:
    """Every kind of bad and odd input, in one folder each for those with and without --mpp."""
    from test.test_odd_inputs import KINDS, check, run_kinds

    part, right = Part(), 0
    for with_mpp in (False, True):
        (folder / str(with_mpp)).mkdir()
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            ran = run_kinds(folder / str(with_mpp), with_mpp)
        for kind in (kind for kind in KINDS if kind.with_mpp == with_mpp):
            try:
                check(ran, kind)
                right += 1
            except AssertionError as error:
                part.wrong.append(f"{kind.file!r}: {str(error).splitlines()[0]}")
    part.figures["kinds of input with their stated outcome"] = f"{right} of {len(KINDS)}"
    return part


def kills(options: argparse.Namespace, folder: Path) -> Part:
    """SIGKILL at random moments, half of them without and half with adaptation steps."""
    part, survived, ended, finished = Part(), 0, 0, 0
    arms = {
        "none": ["--adaptation", "none"],
        "two steps": ["--adaptation", "gradient-reversal", "--max-steps", "2"],
    }
    for number, (name, arm) in enumerate(arms.items()):
        count = (options.kills + 1 - number) // 2
        if not count:
            continue

        def tell(kill: int, name: str = name, count: int = count) -> None:
            print(f"  kill {kill} of {count}, {name}", file=sys.stderr)

        try:
            done = survive_kills(folder / name, count, options=arm, seed=number, progress=tell)
        except AssertionError as error:
            part.wrong.append(f"{name}: {str(error).splitlines()[0]}")
            continue
        survived, ended = survived + done.kills, ended + done.ended
        finished += done.finished
    part.figures["kills survived"] = f"{survived} of {options.kills}"
    part.figures["runs ended by --resume, as if never killed"] = str(ended)
    part.figures["finished images checked after the kills"] = str(finished)
    part.figures["bytes lost"] = "0" if not part.wrong else "some"
    return part


def calls(options: argparse.Namespace, folder: Path) -> Part:
    """Calls to serve.py, by `python -m test.load`."""
    if find_spec(LOAD) is None:
        return Part({"calls served": "not measured"})
    report = folder / "load.json"
    counts = ["--calls", str(options.calls), "--adapted", str(options.adapted)]
    command = [sys.executable, "-m", LOAD, *counts, "--json", str(report)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    if not report.exists():
        return Part(wrong=[f"{LOAD} ended with {done.returncode}"])
    parts: dict[str, dict[str, Any]] = json.loads(report.read_text())
    part = Part(wrong=[line for figures in parts.values() for line in figures["wrong"]])
    for name, figures in parts.items():
        label = name.replace("_", " ")
        if "calls" in figures:
            statuses = ", ".join(f"{n} answered {s}" for s, n in figures["statuses"].items())
            part.figures[f"calls served, {label}"] = f"{figures['calls']} ({statuses})"
        if "growth_percent" in figures:
            mark = figures["memory_first_measured_after_call"]
            growth = f"{figures['growth_percent']:+.2f} % since call {mark}"
            part.figures[f"memory of the server, {label}"] = growth
        if "clients" in figures:
            part.figures[label] = str(figures["clients"])
    return part


def large_image(options: argparse.Namespace, folder: Path) -> Part:
    """One image of 20,000 x 20,000 px under --max-memory 4."""
    measured = measure(folder, options.side, options.tissue, MEMORY)
    part = Part()
    name = f"peak memory on {options.side} x {options.side} px"
    gib = measured.peak / GIB
    part.figures[name] = f"{gib:.2f} GiB of {MEMORY} allowed ({measured.candidates} candidates)"
    if measured.status != 0 or gib > MEMORY:
        part.wrong.append(f"large image: exit status {measured.status}, {gib:.2f} GiB")
    return part


PARTS: dict[str, Callable[[argparse.Namespace, Path], Part]] = {
    "odd-inputs": odd_inputs,
    "kills": kills,
    "calls": calls,
    "large-image": large_image,
}


def main(arguments: list[str] | None = None) -> int:
    """Run the parts and print the table; the exit status is 1 where anything was wrong."""
    options = parse(arguments)
    parts: dict[str, Part] = {}
    for name in options.only or PARTS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        folder = Path(tempfile.mkdtemp(prefix="reliability-"))
        started = time.monotonic()
        try:
            parts[name] = PARTS[name](options, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        parts[name].seconds = time.monotonic() - started
    print(table(parts, place()))
    if options.json is not None:
        content = {name: asdict(part) for name, part in parts.items()}
        options.json.write_text(json.dumps({"place": place(), "parts": content}, indent=1) + "\n")
    for part in parts.values():
        for line in part.wrong:
            print(f"error: {line}", file=sys.stderr)
    return 1 if any(part.wrong for part in parts.values()) else 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m test.reliability", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("--quick", action="store_true", help="few of each: minutes instead of an hour")
    add("--only", nargs="+", choices=PARTS, metavar="PART", help=f"out of {', '.join(PARTS)}")
    add("--kills", type=int, metavar="N", help="[50, quick 4]")
    add("--calls", type=int, metavar="N", help="served without adaptation [1000, quick 40]")
    add("--adapted", type=int, metavar="N", help="served with adaptation [30, quick 4]")
    add("--side", type=int, metavar="PX", help="of the large image [20000, quick 4000]")
    add(
        "--tissue",
        type=int,
        metavar="N",
        help="its tiles of 2000 x 2000 px with tissue [40, quick 1]",
    )
    add("--json", type=Path, metavar="FILE", help="write the figures here too")
    options = parser.parse_args(arguments)
    defaults = {
        "kills": (50, 4), "calls": (1000, 40), "adapted": (30, 4), "side": (20_000, 4000),
        "tissue": (40, 1),
    }  # fmt: skip
    for name, values in defaults.items():
        if getattr(options, name) is None:
            setattr(options, name, values[options.quick])
    return options


def place() -> str:
    """Where and of what the figures are."""
    git = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, text=True, capture_output=True
    )
    commit = git.stdout.strip() or "unknown"
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, commit {commit}"


def table(parts: dict[str, Part], where: str) -> str:
    """The table of docs/reliability.md."""
    lines = ["| what | figure |", "|---|---|"]
    for name, part in parts.items():
        lines += [f"| {what} | {figure} |" for what, figure in part.figures.items()]
        lines.append(f"| {name}: wrong, time taken | {len(part.wrong)}, {part.seconds:.0f} s |")
    return "\n".join([*lines, "", where])


if __name__ == "__main__":
    sys.exit(main())
