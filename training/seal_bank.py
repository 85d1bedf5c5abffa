"""Add the checksum of its content to a bank that carries none; its tensors stay as they are.

`training.select_bank` writes banks with one. `load_bank` verifies it at every load.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from safetensors import SafetensorError

from model.source_bank import BANK_FILE, CHECKSUM, read_file, save_sealed
from model.weights import file_sha256


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.seal_bank", description=__doc__)
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path("source_bank"), help="[%(default)s]"
    )
    path = parser.parse_args(arguments).folder / BANK_FILE
    try:
        tensors, metadata = read_file(path)
    except (SafetensorError, OSError) as error:
        print(f"error: {path} cannot be read: {error}", file=sys.stderr)
        return 2
    if CHECKSUM in metadata:
        print(f"error: {path} carries a checksum already", file=sys.stderr)
        return 2
    save_sealed(path, tensors, metadata)
    print(f"{path}: sha256 of the file {file_sha256(path)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
