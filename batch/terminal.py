"""What the command line shows: lines, progress of the image at work, a closing table.

Colours and progress appear on a terminal only; elsewhere there are plain lines. NO_COLOR is
respected. Errors alone go to stderr, which the platform shows as warnings.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

STYLES = {"failed": "red", "ok": "green"}
WIDE = 10_000  # columns: more than any line has


class Terminal:
    """Prints to stdout, and errors to stderr."""

    def __init__(self, quiet: bool = False, verbose: bool = False) -> None:
        """quiet: nothing but errors; verbose: details too."""
        self._quiet = quiet
        self._verbose = verbose
        self._live: Live | None = None

    def say(self, text: str) -> None:
        """Show a line to every reader."""
        if not self._quiet:
            self._print(text, "")

    def detail(self, text: str) -> None:
        """Show a line to those who asked for more."""
        if self._verbose:
            self._print(f"  {text}", "")

    def warn(self, text: str) -> None:
        """Show a line that should be seen."""
        if not self._quiet:
            self._print(text, "yellow")

    def error(self, text: str) -> str:
        """Show what went wrong; the text again."""
        self._print(f"error: {text}", "red", stderr=True)
        return text

    @contextmanager
    def board(self) -> Iterator[Callable[[Mapping[str, str]], None]]:
        """Named numbers below the lines that are printed meanwhile; on a terminal only.

        Yields a function of the present numbers.
        """
        live = Live(console=Console(), transient=True, redirect_stdout=False, redirect_stderr=False)

        def show(numbers: Mapping[str, str]) -> None:
            table = Table(box=None, pad_edge=False, padding=(0, 2), header_style="dim")
            for name in numbers:
                table.add_column(name, justify="right")
            table.add_row(*numbers.values())
            live.update(table, refresh=self._live is not None)

        if self._quiet or not sys.stdout.isatty():
            yield lambda numbers: None
            return
        with live:
            self._live = live
            try:
                yield show
            finally:
                self._live = None

    def _print(self, text: str, style: str, stderr: bool = False) -> None:
        """Print a line as it is: not wrapped, and nothing in it taken for markup."""
        if self._live is not None:
            self._live.stop()
        Console(stderr=stderr, highlight=False).print(
            Text(text), style=style, soft_wrap=True, markup=False, emoji=False
        )
        if self._live is not None:
            self._live.start()

    @contextmanager
    def bar(self, label: str) -> Iterator[Callable[[str, int, int], None]]:
        """A bar with the stage, and the time left in stages whose steps are counted.

        Yields a function of the stage, the steps done and the steps planned (0: not counted).
        """
        label_of = TextColumn("{task.description}", markup=False)
        columns = (label_of, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        shown = sys.stdout.isatty() and not self._quiet
        with Progress(
            *columns,
            console=Console(),
            transient=True,
            disable=not shown,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as progress:
            task = progress.add_task(label, total=None)
            stage_at_work = ""

            def show(stage: str, done: int, planned: int) -> None:
                nonlocal stage_at_work
                if stage != stage_at_work:
                    stage_at_work = stage
                    progress.reset(task, description=f"{label} {stage}", total=planned or None)
                progress.update(task, completed=done, total=planned or None)

            yield show

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """A table, its head first: the outer columns flush left, the others flush right.

        A row with the cell "failed" or "ok" has its colour.
        """
        if self._quiet:
            return
        table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="")
        for name in rows[0]:
            table.add_column(name, justify="left" if name in (rows[0][0], rows[0][-1]) else "right")
        for row in rows[1:]:
            style = next((STYLES[cell] for cell in row if cell in STYLES), "")
            table.add_row(*map(Text, row), style=style)
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = WIDE
        with console.capture() as captured:
            console.print(table)
        for line in captured.get().splitlines():
            print(line.rstrip())


def shown(name: str) -> str:
    """A file's name on one line of any terminal: line breaks and stray bytes are escaped."""
    return name if name.isprintable() else ascii(name)[1:-1]
