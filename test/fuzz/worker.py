"""One run of atheris on a target, in a separate process, which libFuzzer ends.

`python -m test.fuzz` starts it. Arguments: the target's name, then libFuzzer's own.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["model", "tifffile", "json"]):
    from test.fuzz.targets import TARGETS


def main() -> None:
    name, *arguments = sys.argv[1:]
    target = TARGETS[name]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        target.prepare(Path(folder))
        atheris.Setup([sys.argv[0], *arguments], lambda data: target.check(data, Path(folder)))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
