"""`results.json`: what became of each image of a folder, written anew with every image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from batch.inputs import SUMMARY_FILE
from batch.output import FILE_NAME, RESULT_FILE, OutputError, write_json, writing
from batch.terminal import shown


class Summary:
    """The images of a folder that are done with, in the order in which they are listed."""

    def __init__(self, output: Path, names: list[str]) -> None:
        """output: folder of the results; names: of each image's folder in it, in order."""
        self._output = output
        self._names = names
        self._by_name: dict[str, dict[str, Any]] = {}
        self.unwritten: str | None = None  # why the file on disk is not what it should be

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    @property
    def images(self) -> list[dict[str, Any]]:
        """An entry for each image that is done with."""
        return [self._by_name[name] for name in self._names if name in self._by_name]

    def add(self, name: str, result: dict[str, Any]) -> None:
        """Take up the content of a `result.json`."""
        self._by_name[name] = _entry(result, name)

    def write(self) -> None:
        """Write the file; where that fails, `unwritten` says why."""
        self.unwritten = None
        try:
            with writing():
                write_json(self._output / SUMMARY_FILE, {"images": self.images})
        except OutputError as error:
            self.unwritten = str(error)

    def fail_vanished(self) -> list[str]:
        """Mark images as failed whose files were taken away since; the files' names."""
        gone = [i for i in self.images if i["status"] == "ok" and not self._is_there(i["folder"])]
        for image in gone:
            image |= {"status": "failed", "error": "its result has vanished from the output folder"}
        return [image["file"] for image in gone]

    def _is_there(self, name: str) -> bool:
        return all((self._output / name / file).is_file() for file in (FILE_NAME, RESULT_FILE))

    def table(self) -> list[list[str]]:
        """The closing table."""
        rows = [["image", "mitotic figures", "candidates", "seconds", "status"]]
        for image in self.images:
            counts = [image["mitotic_figures"], image["candidates"], image["seconds"]]
            cells = ["-" if image["status"] != "ok" else f"{count:.0f}" for count in counts]
            rows.append([shown(image["file"]), *cells, image["status"]])
        return rows


def _entry(result: dict[str, Any], name: str) -> dict[str, Any]:
    detections = result.get("detections", [])
    return {
        "file": result["file"],
        "folder": name,
        "status": result["status"],
        "error": result["error"],
        "mitotic_figures": sum(d["probability"] >= result["threshold"] for d in detections),
        "candidates": result.get("candidates"),
        "seconds": result.get("seconds", {}).get("total"),
    }
