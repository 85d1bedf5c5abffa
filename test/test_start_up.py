"""What a run of process.py imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from test.model.builders import tiny_bank, tiny_network, write_bank, write_weights
from test.rendering import render_tissue
from test.test_requirements import ROOT
from training.tiff import write_tiff

# A whole run as `python process.py` makes it, then the names of all imported packages.
RUN = """
import runpy, sys
try:
    runpy.run_path("process.py", run_name="__main__")
finally:
    print(*sys.modules)
"""
# Most take a tenth of a second or more, and some half of `import torch`.
SLOW = {"torchvision", "torch._dynamo", "torch._inductor", "sympy", "sklearn", "SimpleITK"}


@pytest.mark.parametrize("adaptation", ["none", "gradient-reversal", "paper"])
def test_a_run_does_without_the_slowest_imports(tmp_path: Path, adaptation: str) -> None:
    network = tiny_network()
    sha256 = write_weights(tmp_path / "weights", network)
    write_bank(tmp_path / "bank", tiny_bank(network, 3, sha256=sha256))
    (tmp_path / "in").mkdir()
    pixels, _ = render_tissue((150, 200), figures=1, seed=1)
    write_tiff(tmp_path / "in" / "field.tif", pixels, 0.25)
    imported = run(
        "--input", tmp_path / "in", "--output", tmp_path / "out", "--weights", tmp_path / "weights",
        "--source-bank", tmp_path / "bank", "--adaptation", adaptation, "--max-steps", "2",
        "--device", "cpu", "--quiet",
    )  # fmt: skip
    assert (tmp_path / "out" / "mitotic-figures.json").is_file()
    assert {"torch", "scipy", "model.network"} <= imported
    assert not imported & SLOW
    assert ("model.adaptation.optimiser" in imported) == (adaptation != "none")


def run(*options: object) -> set[str]:
    """Names of all modules that a successful run of process.py has imported."""
    command = [sys.executable, "-c", RUN, *map(str, options)]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())
