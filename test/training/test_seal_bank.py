"""A bank that gets its checksum later: the same entries, and the same checksum as at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from model.source_bank import BANK_FILE, CHECKSUM, load_bank, read_file
from model.weights import file_sha256
from test.model.builders import DOMAINS, tiny_bank, tiny_network, write_bank
from training.seal_bank import main

SHA = "ab" * 32


def test_seal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_bank(tmp_path, tiny_bank(tiny_network(), 4, entries=8, sha256=SHA))
    tensors, metadata = read_file(tmp_path / BANK_FILE)
    checksum = metadata.pop(CHECKSUM)
    save_file(tensors, tmp_path / BANK_FILE, metadata)
    assert main([str(tmp_path)]) == 0
    assert file_sha256(tmp_path / BANK_FILE) in capsys.readouterr().out
    sealed = load_bank(tmp_path, SHA, DOMAINS)
    assert torch.equal(sealed.values, tensors["values"])
    assert read_file(tmp_path / BANK_FILE)[1] == metadata | {CHECKSUM: checksum}
    assert sorted(path.name for path in tmp_path.iterdir()) == [BANK_FILE, "entries.csv"]


def test_one_checksum_is_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_bank(tmp_path, tiny_bank(tiny_network(), 4, entries=8, sha256=SHA))
    before = file_sha256(tmp_path / BANK_FILE)
    assert main([str(tmp_path)]) == 2
    assert "carries a checksum already" in capsys.readouterr().err
    assert file_sha256(tmp_path / BANK_FILE) == before


def test_no_bank(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: ")
