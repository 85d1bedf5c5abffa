"""Weights and card: what is kept, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from model.hashes import file_sha256
from model.network import MitosisNetwork
from model.patches import normalise
from model.weights import (
    CARD_FILE,
    WEIGHTS_FILE,
    WeightsError,
    load_card,
    load_network,
    load_weights,
    save_network,
)
from test.model.builders import DOMAINS, some_patches, tiny_network, write_weights


@pytest.fixture
def network() -> MitosisNetwork:
    return tiny_network()


@pytest.fixture
def folder(tmp_path: Path, network: MitosisNetwork) -> Path:
    write_weights(tmp_path / "weights", network, threshold=0.93)
    return tmp_path / "weights"


def change_card(folder: Path, **values: object) -> None:
    card = json.loads((folder / CARD_FILE).read_text()) | values
    (folder / CARD_FILE).write_text(json.dumps(card))


def test_network_is_kept_in_half_precision(network: MitosisNetwork, tmp_path: Path) -> None:
    save_network(network, tmp_path / "file")
    loaded = load_network(tmp_path / "file", len(DOMAINS))
    assert not loaded.training
    state = network.state_dict()
    for name, value in loaded.state_dict().items():
        half = value.ndim > 1
        expected = state[name].half().float() if half else state[name]
        assert torch.equal(value, expected), name
        assert value.dtype == state[name].dtype, name
    patches = normalise(some_patches(3))
    with torch.no_grad():
        torch.testing.assert_close(
            loaded(patches).mitosis, network(patches).mitosis, rtol=0.01, atol=0.002
        )
    assert (tmp_path / "file").stat().st_size < 25 * 2**20


def test_saving_what_was_loaded_gives_the_same_file(
    network: MitosisNetwork, tmp_path: Path
) -> None:
    save_network(network, tmp_path / "first")
    save_network(load_network(tmp_path / "first", len(DOMAINS)), tmp_path / "second")
    assert file_sha256(tmp_path / "first") == file_sha256(tmp_path / "second")


def test_load_weights(folder: Path) -> None:
    network, card = load_weights(folder)
    assert network.source_domains == len(DOMAINS)
    assert card.domains == DOMAINS
    assert (card.threshold, card.reversal_weight) == (0.93, 0.1)
    assert card.sha256 == file_sha256(folder / WEIGHTS_FILE)
    assert card.values["domains"] == DOMAINS


@pytest.mark.parametrize("file", [WEIGHTS_FILE, CARD_FILE])
def test_missing_file(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(WeightsError, match=rf"{file} is missing"):
        load_weights(folder)


def test_other_weights_than_the_card_s(folder: Path) -> None:
    save_network(tiny_network(seed=1), folder / WEIGHTS_FILE)
    with pytest.raises(WeightsError, match=r"is not the file its card describes \(SHA-256 differs"):
        load_weights(folder)


def test_card_with_another_number_of_domains(folder: Path) -> None:
    change_card(folder, domains=["one"])
    with pytest.raises(WeightsError, match=r"(?s)safetensors cannot be loaded: .*size mismatch"):
        load_weights(folder)


def test_damaged_weights_whose_hash_is_right(folder: Path) -> None:
    path = folder / WEIGHTS_FILE
    path.write_bytes(path.read_bytes()[:1000])
    change_card(folder, sha256=file_sha256(path))
    with pytest.raises(WeightsError, match=r"weights.safetensors cannot be loaded"):
        load_weights(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"domains": ["a"]}', "\xff\xfe", "7"])
def test_invalid_card(folder: Path, text: str) -> None:
    (folder / CARD_FILE).write_bytes(text.encode("latin-1"))
    with pytest.raises(WeightsError, match=r"card.json is not a valid card"):
        load_card(folder)


@pytest.mark.parametrize("key", ["domains", "threshold", "reversal_weight", "sha256"])
def test_card_without_an_entry(folder: Path, key: str) -> None:
    card = json.loads((folder / CARD_FILE).read_text())
    del card[key]
    (folder / CARD_FILE).write_text(json.dumps(card))
    with pytest.raises(WeightsError, match=f"card.json is not a valid card: {key}: Field required"):
        load_card(folder)
