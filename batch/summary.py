"""`results.json`: what became of each image of a folder, written again after every image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from batch.account import HEAD
from batch.documents import FolderEntry, FolderResults
from batch.layout import FIGURES_FILE, RESULT_FILE, SUMMARY_FILE
from batch.outcome import Outcome
from batch.recognise import earlier_summary
from batch.stale import set_aside
from batch.terminal import shown
from batch.writing import OutputError, write_json, writing

VANISHED = "its result has vanished from the output folder"


class Summary:
    """The images of a folder that are done with, in the order in which they are listed."""

    def __init__(
        self, output: Path, groups: Mapping[str, str | None], skipped: Sequence[str] = ()
    ) -> None:
        """Start without any image.

        Args:
            output: folder of the results.
            groups: of each image, by the name of its folder, in order; None: not stated.
            skipped: a line for each file of the input that was skipped.
        """
        self._output = output
        self._groups = groups
        self._skipped = list(skipped)
        self._by_name: dict[str, FolderEntry] = {}
        self._cells: dict[str, list[str]] = {}
        self._copies: dict[str, set[str]] = {}  # images by what identifies their content
        earlier = earlier_summary(output)
        self.written: Mapping[str, str] = {} if earlier is None else earlier.files
        self._is_foreign = earlier is None
        self.unwritten: str | None = None  # why the file on disk is not what it should be

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    @property
    def images(self) -> list[FolderEntry]:
        """An entry for each image that is done with."""
        return [self._by_name[name] for name in self._groups if name in self._by_name]

    def add(self, outcome: Outcome) -> None:
        """Take up an image that is done."""
        name = outcome.entry.folder
        self._by_name[name] = outcome.entry.model_copy(update={"group": self._groups[name]})
        if outcome.cells is not None:
            self._cells[name] = outcome.cells
        for identity in outcome.identities:
            self._copies.setdefault(identity, set()).add(name)

    def write(self) -> None:
        """Write the file; where that fails, `unwritten` says why."""
        self.unwritten = None
        files = {
            place: sha for place, sha in self.written.items() if (self._output / place).is_file()
        }
        content = FolderResults(
            images=self.images, skipped=self._skipped, copies=self.copies(), files=files
        ).content()
        try:
            with writing():
                if self._is_foreign:
                    set_aside(self._output / SUMMARY_FILE)
                    self._is_foreign = False
                write_json(self._output / SUMMARY_FILE, content)
        except OutputError as error:
            self.unwritten = str(error)

    def copies(self) -> list[list[str]]:
        """Names of files that show the same image, of which each counts."""
        groups = {frozenset(names) for names in self._copies.values() if len(names) > 1}
        largest = [names for names in groups if not any(names < others for others in groups)]
        return sorted(sorted(self._by_name[name].file for name in names) for names in largest)

    def fail_vanished(self) -> list[str]:
        """Mark images as failed whose files were taken away since; the files' names."""
        gone = [n for n, i in self._by_name.items() if i.status == "ok" and not self._is_there(n)]
        for name in gone:
            failed = FolderEntry(
                file=self._by_name[name].file,
                folder=name,
                status="failed",
                error=VANISHED,
                group=self._groups[name],
            )
            self._by_name[name] = failed
        return [self._by_name[name].file for name in self._groups if name in gone]

    def _is_there(self, name: str) -> bool:
        return all((self._output / name / file).is_file() for file in (FIGURES_FILE, RESULT_FILE))

    def table(self) -> list[list[str]]:
        """The closing table."""
        failed = ["-" if name != "status" else "failed" for name in HEAD[1:]]
        rows = [list(HEAD)]
        for image in self.images:
            found = self._cells.get(image.folder) if image.status == "ok" else None
            rows.append([shown(image.file), *(found or failed)])
        return rows
