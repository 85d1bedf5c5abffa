"""The source bank: round trips at several cuts, its error bound, and what is refused."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from batch.options import ROOT
from model.hashes import file_sha256
from model.network import MitosisNetwork
from model.patches import normalise
from model.source_bank import (
    BANK_FILE,
    CHECKSUM,
    COLUMNS,
    ENTRIES_FILE,
    LEVELS,
    SourceBankError,
    content_sha256,
    load_bank,
    quantise,
    read_file,
    save_bank,
    save_sealed,
)
from test.model.builders import DOMAINS, some_patches, tiny_bank, tiny_network, write_bank

SHA = "ab" * 32


@pytest.fixture(scope="module")
def network() -> MitosisNetwork:
    return tiny_network()


@pytest.mark.parametrize("cut", [0, 1, 3, 4])
def test_round_trip(network: MitosisNetwork, tmp_path: Path, cut: int) -> None:
    bank = tiny_bank(network, cut, sha256=SHA)
    write_bank(tmp_path, bank)
    loaded = load_bank(tmp_path, SHA, DOMAINS)
    for name, value in vars(bank).items():
        stored = getattr(loaded, name)
        if isinstance(value, torch.Tensor):
            assert torch.equal(stored, value) and stored.dtype == value.dtype, name
        elif name != "sha256":
            assert stored == value, name
    assert loaded.sha256 == file_sha256(tmp_path / BANK_FILE)
    assert len(loaded) == len(bank) == 24


def test_rows_of_the_table_are_in_the_order_of_the_entries(
    network: MitosisNetwork, tmp_path: Path
) -> None:
    bank = tiny_bank(network, 4, entries=8)
    rows: list[dict[str, object]] = [dict.fromkeys(COLUMNS, n) for n in range(8)]
    save_bank(tmp_path / "new" / "folder", bank, rows)
    with (tmp_path / "new" / "folder" / ENTRIES_FILE).open(newline="") as file:
        table = list(csv.DictReader(file))
    assert list(table[0]) == list(COLUMNS)
    assert [int(row["slide"]) for row in table] == list(range(8))


@pytest.mark.parametrize("cut", [1, 3, 4])
def test_stored_activations_err_by_half_a_level_at_most(network: MitosisNetwork, cut: int) -> None:
    patches = some_patches(12)
    with torch.no_grad():
        exact = network.below(normalise(patches), cut)
    levels, scales = quantise(exact)
    assert levels.dtype == torch.int8 and levels.min() >= 0 and levels.max() == LEVELS
    bank = replace(tiny_bank(network, cut), values=levels, scales=scales)
    index = torch.tensor([11, 0, 5])
    error = (bank.activations(index) - exact[index]).abs()
    assert (error <= 0.5 * scales[:, None, None] * (1 + 1e-5) + 1e-9).all()
    torch.testing.assert_close(scales * LEVELS, exact.amax(dim=(0, 2, 3)).clamp(min=1e-12))


def test_channel_that_is_never_active_stays_zero(network: MitosisNetwork) -> None:
    activations = torch.rand(4, 2, 3, 3)
    activations[:, 1] = 0
    levels, scales = quantise(activations)
    assert levels[:, 1].count_nonzero() == 0 and torch.isfinite(scales).all()


def test_at_cut_0_the_patches_themselves_are_stored(network: MitosisNetwork) -> None:
    bank = tiny_bank(network, 0)
    index = torch.tensor([3, 1])
    assert torch.equal(bank.values, some_patches(24, seed=5))
    assert torch.equal(bank.activations(index), normalise(bank.values[index]))


def test_at_a_later_cut_no_pixel_is_stored(network: MitosisNetwork) -> None:
    bank = tiny_bank(network, 3)
    assert bank.values.shape == (24, 256, 4, 4) and bank.values.dtype == torch.int8


# ---------------------------------------------------------------------------------- what is refused


@pytest.fixture
def folder(network: MitosisNetwork, tmp_path: Path) -> Path:
    write_bank(tmp_path, tiny_bank(network, 4, entries=8, sha256=SHA))
    return tmp_path


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(SourceBankError, match=r"bank.safetensors is missing"):
        load_bank(tmp_path, SHA, DOMAINS)


def test_other_weights(folder: Path) -> None:
    reason = r"belongs to other weights \(it names abababababab…, the weights are cdcdcdcdcdcd…\)"
    with pytest.raises(SourceBankError, match=reason + "; make one with python -m"):
        load_bank(folder, "cd" * 32, DOMAINS)


@pytest.mark.parametrize("domains", [DOMAINS[:2], [*DOMAINS, "fourth"], DOMAINS[::-1]])
def test_other_domains_or_another_order(folder: Path, domains: list[str]) -> None:
    with pytest.raises(
        SourceBankError, match=r"has domains \['scanner_one_lab', .* the weights \["
    ):
        load_bank(folder, SHA, domains)


def test_cut_that_does_not_exist(network: MitosisNetwork, tmp_path: Path) -> None:
    bank = replace(tiny_bank(network, 4, entries=8, sha256=SHA), cut=5)
    write_bank(tmp_path, bank)
    with pytest.raises(SourceBankError, match="at cut 5"):
        load_bank(tmp_path, SHA, DOMAINS)


@pytest.mark.parametrize("kept", [0, 7, 200, 5000])
def test_damaged(folder: Path, kept: int) -> None:
    path = folder / BANK_FILE
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(SourceBankError, match="is not a valid source bank: "):
        load_bank(folder, SHA, DOMAINS)


def test_another_safetensors_file(folder: Path) -> None:
    save_file({"values": torch.zeros(2)}, folder / BANK_FILE)
    with pytest.raises(SourceBankError, match=r"is not a valid source bank: KeyError\('cut'\)"):
        load_bank(folder, SHA, DOMAINS)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"values": torch.ones(8, 256, 4, 4, dtype=torch.int8)}, r"values are \(8, 256, 4, 4\) "),
        ({"values": torch.ones(8, 512, 2, 2)}, r"values are .* torch.float32, not .* torch.int8"),
        ({"values": torch.tensor(1, dtype=torch.int8)}, r"values are \(\) torch.int8"),
        ({"scales": torch.ones(3)}, r"scales are \(3,\) torch.float32, not \(512,\)"),
        ({"scales": torch.full((512,), torch.nan)}, "a scale is not finite"),
        ({"domain": torch.zeros(7)}, r"domain are \(7,\) torch.int64, not \(8,\)"),
        ({"domain": torch.full((8,), 3)}, "an entry is of a domain beyond the 3 named"),
        ({"mitotic": torch.full((8,), 2)}, "an entry is neither mitotic"),
        ({"check": torch.zeros(9)}, r"check are \(9,\) torch.bool, not \(8,\)"),
        ({"reserve": torch.zeros(8, 1)}, r"reserve are \(8, 1\)"),
    ],
)
def test_tensors_that_do_not_fit(
    network: MitosisNetwork, tmp_path: Path, change: dict[str, torch.Tensor], reason: str
) -> None:
    write_bank(tmp_path, tiny_bank(network, 4, entries=8, sha256=SHA))
    tensors, metadata = read_file(tmp_path / BANK_FILE)
    save_sealed(tmp_path / BANK_FILE, tensors | change, metadata)
    with pytest.raises(SourceBankError, match="is not a valid source bank: " + reason):
        load_bank(tmp_path, SHA, DOMAINS)


# --------------------------------------------------------------------------------------- checksum


def test_a_bit_that_flipped_anywhere_is_noticed(folder: Path) -> None:
    """In the header too: what still parses there is not what was hashed."""
    path = folder / BANK_FILE
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    random = np.random.default_rng(0)
    places = [*random.integers(header, len(whole), 40), *random.integers(8, header, 40), header]
    refused = 0
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        try:
            load_bank(folder, SHA, DOMAINS)
        except SourceBankError:
            refused += 1
        else:  # the flip hit the name of the checksum, which makes it an older version's bank
            assert CHECKSUM not in read_file(path)[1]
            assert place < header
    assert refused >= 70


def test_the_error_says_what_to_do(folder: Path) -> None:
    tensors, metadata = read_file(folder / BANK_FILE)
    tensors["values"][0, 0, 0, 0] += 1
    save_file(tensors, folder / BANK_FILE, metadata)
    with pytest.raises(SourceBankError, match=r"is damaged \(its content .* copy it again"):
        load_bank(folder, SHA, DOMAINS)


def test_the_checksum_holds_whatever_the_order_of_what_is_stored(folder: Path) -> None:
    """The library writes metadata in another order every time."""
    tensors, metadata = read_file(folder / BANK_FILE)
    backwards = dict(sorted(tensors.items(), reverse=True))
    sums = {content_sha256(t, m) for t in (tensors, backwards) for m in (metadata, {**metadata})}
    assert sums == {metadata[CHECKSUM]}


def test_a_bank_of_an_older_version_is_read(folder: Path) -> None:
    tensors, metadata = read_file(folder / BANK_FILE)
    del metadata[CHECKSUM]
    save_file(tensors, folder / BANK_FILE, metadata)
    assert torch.equal(load_bank(folder, SHA, DOMAINS).values, tensors["values"])


def test_the_shipped_bank_carries_its_checksum() -> None:
    tensors, metadata = read_file(ROOT / "source_bank" / BANK_FILE)
    assert metadata[CHECKSUM] == content_sha256(tensors, metadata)
