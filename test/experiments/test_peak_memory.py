"""The peak of a program's memory, whatever its starter holds."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from experiments.peak_memory import run

MIB = 1 << 20


def test_the_program_s_own_peak_is_reported(tmp_path: Path) -> None:
    held = np.ones(300 * MIB, np.uint8)  # by the process that asks
    small, large = (
        run([sys.executable, "-S", "-c", f"x = b'1' * {size}"], tmp_path).peak
        for size in (1, 200 * MIB)
    )
    assert held.all()
    assert small < 60 * MIB
    assert 200 * MIB <= large < 260 * MIB


def test_status_and_words(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd()); print('no', file=sys.stderr); sys.exit(3)"
    ended = run([sys.executable, "-c", code], tmp_path)
    assert (ended.status, ended.stderr) == (3, "no\n")
    assert Path(ended.stdout.strip()) == tmp_path.resolve()


def test_a_program_that_is_killed(tmp_path: Path) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert run([sys.executable, "-c", code], tmp_path).status == 128 + 9
