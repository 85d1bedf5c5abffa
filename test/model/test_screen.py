"""The screen: which candidates it rejects, and which files it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from model.hashes import file_sha256
from model.screen import SCREEN_FILE, Screen, ScreenNetwork, load_screen, save_screen
from model.weights import CARD_FILE, WeightsError, load_card
from test.model.builders import some_patches, tiny_network, write_weights


@pytest.fixture
def network() -> ScreenNetwork:
    torch.manual_seed(0)
    return ScreenNetwork().eval()


@pytest.fixture
def folder(tmp_path: Path, network: ScreenNetwork) -> Path:
    write_weights(tmp_path / "weights", tiny_network())
    save_screen(network, tmp_path / "weights" / SCREEN_FILE)
    digest = file_sha256(tmp_path / "weights" / SCREEN_FILE)
    card = json.loads((tmp_path / "weights" / CARD_FILE).read_text())
    card["screen"] = {"sha256": digest, "limit": -5.0}
    (tmp_path / "weights" / CARD_FILE).write_text(json.dumps(card))
    return tmp_path / "weights"


def test_candidates_below_the_limit_are_rejected(network: ScreenNetwork) -> None:
    patches = some_patches(30)
    estimates = Screen(network, 0.0).estimates(patches)
    limit = float(estimates.median())
    passed = Screen(network, limit).passes(patches)
    assert passed.tolist() == (estimates >= limit).tolist() and 0 < passed.sum() < 30


def test_no_patches(network: ScreenNetwork) -> None:
    assert Screen(network, 0.0).passes(some_patches(1)[:0]).tolist() == []


def test_a_patch_is_judged_by_itself(
    network: ScreenNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches = some_patches(7)
    together = Screen(network, 0.0).estimates(patches)
    monkeypatch.setattr("model.screen.BATCH_SIZE", 2)
    torch.testing.assert_close(Screen(network, 0.0).estimates(patches), together)


def test_what_was_saved_is_loaded(folder: Path, network: ScreenNetwork) -> None:
    screen = load_screen(folder, load_card(folder))
    assert screen is not None and screen.limit == -5.0
    patches = some_patches(3)
    assert torch.equal(screen.estimates(patches), Screen(network, 0.0).estimates(patches))


def test_weights_without_a_screen(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    write_weights(folder, tiny_network())
    assert load_screen(folder, load_card(folder)) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "is missing"), (b"other", "is not the file its card describes")],
)
def test_a_file_that_is_not_the_card_s(folder: Path, content: bytes | None, words: str) -> None:
    (folder / SCREEN_FILE).unlink()
    if content is not None:
        (folder / SCREEN_FILE).write_bytes(content)
    with pytest.raises(WeightsError, match=words):
        load_screen(folder, load_card(folder))
