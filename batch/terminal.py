"""What the command line shows: lines, a bar of the image at work, a closing table, colours."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tqdm import tqdm

RED, GREEN, YELLOW, RESET = "\033[31m", "\033[32m", "\033[33m", "\033[0m"


class Terminal:
    """Prints to stdout, errors to stderr. Bars and colours only where that is a terminal."""

    def __init__(self, quiet: bool = False, verbose: bool = False) -> None:
        """quiet: nothing but errors; verbose: details too."""
        self._quiet = quiet
        self._verbose = verbose

    def say(self, text: str) -> None:
        """A line for every reader."""
        if not self._quiet:
            print(text)

    def detail(self, text: str) -> None:
        """A line for those who asked for more."""
        if self._verbose:
            print(f"  {text}")

    def warn(self, text: str) -> None:
        """A line that should be seen."""
        self.say(_coloured(YELLOW, text, sys.stdout.isatty()))

    def error(self, text: str) -> None:
        """What went wrong."""
        print(_coloured(RED, f"error: {text}", sys.stderr.isatty()), file=sys.stderr)

    @contextmanager
    def bar(self, label: str) -> Iterator[Callable[[str, int, int], None]]:
        """A bar with the stage, and with the time left in stages whose steps are counted.

        Gives a function to be told of stage, steps done and steps planned (0 where not counted).
        """
        shown = sys.stdout.isatty() and not self._quiet
        current = ""
        with tqdm(desc=label, unit="step", file=sys.stdout, leave=False, disable=not shown) as bar:

            def show(stage: str, done: int, planned: int) -> None:
                nonlocal current
                if stage != current:
                    current = stage
                    bar.reset(total=planned or None)
                    bar.set_description(f"{label} {stage}")
                bar.total = planned or None
                bar.update(done - bar.n)

            yield show

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Columns as wide as they need to be, the first row in front; failed rows in red."""
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [
                cell.ljust(width) if index == 0 else cell.rjust(width)
                for index, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            colour = {"failed": RED, "ok": GREEN}.get(row[-1], "")
            line = "  ".join(cells)
            self.say(_coloured(colour, line, sys.stdout.isatty()) if colour else line)


def shown(name: str) -> str:
    """A file's name on one line of any terminal: line breaks and stray bytes are escaped."""
    return name if name.isprintable() else ascii(name)[1:-1]


def _coloured(colour: str, text: str, terminal: bool) -> str:
    return f"{colour}{text}{RESET}" if terminal and "NO_COLOR" not in os.environ else text
