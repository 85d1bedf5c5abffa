"""Export the JSON Schemas of all documents, and the tables of their fields for docs/output.md.

usage: python -m batch.documents FOLDER        schemas, a file for each document
       python -m batch.documents --tables FILE  replace the tables in a Markdown file
"""

from __future__ import annotations

import sys
from pathlib import Path

from batch.documents.schemas import schemas, with_tables
from batch.writing import write_json, write_whole


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    match sys.argv[1:] if arguments is None else arguments:
        case ["--tables", file]:
            path = Path(file)
            write_whole(path, with_tables(path.read_text()).encode())
        case [folder] if not folder.startswith("-"):
            for name, schema in schemas().items():
                write_json(Path(folder) / name, schema)
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
