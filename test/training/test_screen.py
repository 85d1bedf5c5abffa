"""The screen learns what the network says of patches."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from model.screen import SCREEN_FILE, Screen, load_screen
from model.weights import load_weights
from test.model.builders import DOMAINS, tiny_network, write_weights
from training import screen
from training.screen import Patches, changed, report, screen_loss, train_screen

CPU = torch.device("cpu")


def grey_patches(count: int) -> Patches:
    """Dark patches, of which the network is sure, and bright ones."""
    dark = torch.arange(count) % 2 == 0
    noise = torch.randint(0, 40, (count, 64, 64, 3), generator=torch.Generator().manual_seed(0))
    pixels = noise + torch.where(dark, 20, 200)[:, None, None, None]
    return Patches(pixels.to(torch.uint8), torch.where(dark, 2.0, -7.0))


def test_it_learns_to_reject(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "EPOCHS", 8)
    monkeypatch.setattr(screen, "BATCH", 32)
    patches = grey_patches(128)
    made = Screen(train_screen(patches, 0, CPU), limit=-3.0)
    assert made.passes(patches.pixels).tolist() == (patches.log_odds > 0).tolist()
    text = report(made, patches)
    assert "50.0% of them rejected" in text
    assert "log odds of at least -1: 0 of 64 rejected" in text


def test_an_estimate_that_is_too_low_costs_more() -> None:
    wanted = torch.zeros(1)
    assert screen_loss(wanted - 1, wanted) == 2 * screen_loss(wanted + 1, wanted)
    assert screen_loss(torch.tensor([-7.0]), torch.tensor([-20.0])) == 0


def test_changed_patches_have_the_same_size_and_range() -> None:
    patches = grey_patches(6).pixels
    torch.manual_seed(0)
    made = changed(patches)
    assert made.shape == patches.shape and made.min() >= 0 and made.max() <= 255
    assert not torch.equal(made, patches.float())


def test_the_command_adds_a_screen_to_the_weights(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "EPOCHS", 1)
    folder = tmp_path / "weights"
    write_weights(folder, tiny_network())
    assert screen.main([str(data), str(folder), "--patches", "60", "--device", "cpu"]) == 0
    _, card = load_weights(folder)
    made = load_screen(folder, card)
    assert made is not None and made.limit == screen.LIMIT and card.domains == DOMAINS
    assert (folder / SCREEN_FILE).stat().st_size < 200_000
