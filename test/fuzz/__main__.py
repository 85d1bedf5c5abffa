"""Fuzz the reader of images (slide/image.py) or of inputs.json (batch/inputs.py) with atheris.

It starts from the odd inputs of the tests and runs until the time is up or something is found: an
exception other than the reader's own, a broken promise, a crash, more than --memory, or an input
that takes more than 20 s. A finding is written into the corpus folder and reported with the command
that repeats it.

Exit status: 0 nothing found, 1 a finding, 2 a wrong call or no atheris.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from test.fuzz.seeds import SEEDS

ROOT = Path(__file__).parents[2]
REQUIREMENTS = "requirements-fuzz.txt"
INPUT_TIMEOUT = 20  # s
NO_ATHERIS = f"""\
error: atheris is not installed. It is needed for fuzzing alone; on Linux, in this environment:
  {sys.executable} -m pip install -r {REQUIREMENTS}"""


def main(arguments: list[str] | None = None) -> int:
    """Run atheris for a while; the exit status."""
    options = option_parser().parse_args(arguments)
    if find_spec("atheris") is None:
        print(NO_ATHERIS, file=sys.stderr)
        return 2
    corpus = options.corpus or Path(tempfile.mkdtemp(prefix=f"fuzz-{options.target}-"))
    found = corpus / "findings"
    found.mkdir(parents=True, exist_ok=True)
    seed_folder = corpus / "inputs"
    write_seeds(options.target, seed_folder)
    command = [sys.executable, "-m", "test.fuzz.worker", options.target, str(seed_folder)]
    command += [f"-{name}={value}" for name, value in {
        "artifact_prefix": f"{found}/", "max_total_time": options.seconds, "seed": options.seed,
        "timeout": INPUT_TIMEOUT, "rss_limit_mb": options.memory + inherited_peak(),
        "print_final_stats": 1, "max_len": 65536,
    }.items()]  # fmt: skip
    print(f"fuzzing {options.target} for {options.seconds} s, corpus in {corpus}", flush=True)
    status, log = run(command)
    report = summary(options.target, status, log, found)
    print(json.dumps(report, indent=1))
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    if status:
        print(f"repeat it: {sys.executable} -m test.fuzz.worker {options.target} FINDING")
    return 1 if status else 0


def inherited_peak() -> int:
    """MiB at most in memory in this process until now: Linux counts them to its children too."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def option_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m test.fuzz", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("target", choices=sorted(SEEDS), help="what is fuzzed")
    parser.add_argument("--seconds", type=int, default=600, help="how long [%(default)s]")
    parser.add_argument("--seed", type=int, default=1, help="of the mutations [%(default)s]")
    parser.add_argument(
        "--memory", type=int, default=4096, help="MiB that no input may exceed [%(default)s]"
    )
    parser.add_argument(
        "--corpus", type=Path, metavar="DIR",
        help="keeps inputs and findings, and goes on from those there [a temporary folder]",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    return parser


def write_seeds(target: str, folder: Path) -> None:
    """Fill the corpus with the inputs made by code."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        for number, seed in enumerate(SEEDS[target](Path(made))):
            (folder / f"seed-{number:03d}").write_bytes(seed)


def run(command: list[str]) -> tuple[int, str]:
    """Exit status and the log, which is shown as it comes."""
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if not line.startswith(("INFO: Instrumenting", "#")):
                print(line, end="", flush=True)
    return process.returncode, "".join(lines)


def summary(target: str, status: int, log: str, found: Path) -> dict[str, object]:
    """The figures of a run."""

    def number(name: str) -> int | None:
        match = re.search(rf"stat::{name}:\s*(\d+)", log)
        return int(match[1]) if match else None

    return {
        "target": target,
        "inputs_tried": number("number_of_executed_units"),
        "inputs_kept": number("new_units_added"),
        "peak_rss_mib": number("peak_rss_mb"),
        "status": status,
        "findings": sorted(str(path) for path in found.iterdir()),
    }


if __name__ == "__main__":
    sys.exit(main())
