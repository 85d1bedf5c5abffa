"""Inputs to start from, made by code: every odd image of the tests, and forms of `inputs.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from batch.inputs import SLUG
from test.fuzz.targets import KINDS, REGION
from test.test_odd_inputs import KINDS as ODD_INPUTS

LARGEST_SEED = 40_000  # bytes: short inputs are mutated faster


def reader_seeds(folder: Path) -> Iterator[bytes]:
    """Every regular file of the odd inputs, behind the byte that says which kind it is."""
    suffixes = [suffix for suffix, _ in KINDS]
    for number, kind in enumerate(ODD_INPUTS):
        suffix = Path(kind.file).suffix.lower()
        path = folder / f"{number}{suffix}"
        kind.write(path)
        if suffix in suffixes and path.is_file() and not path.is_symlink():
            path.chmod(0o600)
            content = path.read_bytes()
            if len(content) <= LARGEST_SEED:
                yield bytes([suffixes.index(suffix)]) + content
        path.unlink()


def inputs_seeds(_folder: Path) -> Iterator[bytes]:
    """The platform's forms of two years, and what leads astray."""
    entries: list[object] = [
        {"socket": {"slug": REGION}, "image": {"name": "c.mha"}},
        {"interface": {"slug": REGION}},
        {"interface": {"slug": SLUG, "kind": "Image"}, "socket": None},
        *({"socket": {"slug": slug}} for slug in ("..", "../..", "/etc", "a/b", "a\0b", "\ud800")),
        {"socket": {"slug": ["list"]}},
        {"socket": {}},
        [],
        7,
    ]
    yield from (json.dumps([entry]).encode() for entry in entries)
    yield json.dumps(entries).encode()
    yield from (b"", b"{", b"\xff", b"\xef\xbb\xbf[]", b"NaN", b"[" * 2000, b"9" * 5000)


SEEDS = {"reader": reader_seeds, "inputs": inputs_seeds}
