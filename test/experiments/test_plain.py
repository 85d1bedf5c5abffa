"""The plain version and the detector are the same method."""

from __future__ import annotations

import copy
from typing import Any, Literal

import numpy as np
import pytest
import torch

from experiments import plain
from model.adaptation import adversarial
from model.adaptation.base import AdaptationSettings
from model.candidates import PAPER_LITERAL, find_candidates
from model.network import MitosisNetwork
from model.patches import PatchCutter, normalise
from model.scoring import mitosis_probabilities
from model.small_maps import SmallMapConv2d
from model.source_bank import SourceBank
from test.model.builders import some_patches, tiny_bank, tiny_network
from test.rendering import render_tissue

STEPS = 20
SCHEDULE: dict[str, Any] = {
    "epochs": 10, "learning_rate": 1e-5, "batch_size": 16, "reversal_weight": 0.5, "seed": 3,
    "max_steps": STEPS,
}  # fmt: skip


def test_candidates_and_patches_are_the_same() -> None:
    pixels, _ = render_tissue((300, 340), figures=3, seed=1)
    centres = plain.find_candidates(pixels)
    assert len(centres) > 5
    np.testing.assert_allclose(find_candidates(pixels, PAPER_LITERAL), centres, atol=1e-4)
    corners = np.array([[0, 0], [339, 299], [2, 150]])
    for places in (find_candidates(pixels, PAPER_LITERAL), corners):
        assert torch.equal(plain.cut_patches(pixels, places), PatchCutter(pixels).cut(places))


def source_of(bank: SourceBank) -> plain.Source:
    """What the detector adapts with, for the plain version."""
    used = bank.entries_to_adapt_with()
    return plain.Source(bank.values[used], bank.mitotic[used], bank.domain[used])


def logits(network: MitosisNetwork, patches: torch.Tensor) -> torch.Tensor:
    """(n, all logits)."""
    with torch.no_grad():
        return torch.cat(network(normalise(patches)), dim=1)


@pytest.mark.parametrize("batch_norm", ["frozen", "training"])
def test_adaptation_at_cut_0_gives_the_plain_loop_s_logits(
    batch_norm: Literal["frozen", "training"],
) -> None:
    network = tiny_network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    bank, target = tiny_bank(network, 0), some_patches(30, seed=9)
    loop, fast = plain.plain_network(network), copy.deepcopy(network)
    plain.adapt(loop, source_of(bank), target, batch_norm=batch_norm, **SCHEDULE)
    adapted = adversarial.adapt(fast, target, bank, AdaptationSettings(**SCHEDULE), batch_norm)
    assert adapted.record["steps"] == STEPS
    patches = some_patches(40, seed=2)
    before, expected, found = (logits(n, patches) for n in (network, loop, fast))
    change = (expected - before).abs().mean()
    assert change > 1e-3, "the steps are felt"
    assert (found - expected).abs().max() < 0.02 * change
    moved, of_loop = (n.get_buffer("trunk.bn1.running_mean") for n in (network, loop))
    assert torch.equal(moved, of_loop) == (batch_norm == "frozen")


def test_plain_network_has_nothing_done_for_speed() -> None:
    network = tiny_network()
    loop = plain.plain_network(network)
    assert not any(isinstance(layer, SmallMapConv2d) for layer in loop.modules())
    assert any(isinstance(layer, SmallMapConv2d) for layer in network.modules())
    patches = some_patches(5)
    torch.testing.assert_close(logits(loop, patches), logits(network, patches))
    for name, value in network.state_dict().items():
        assert torch.equal(value, loop.state_dict()[name])


def test_classification_is_the_same() -> None:
    network, patches = tiny_network(), some_patches(9)
    expected = mitosis_probabilities(network, patches, 0, "fp32").numpy()
    np.testing.assert_allclose(
        plain.classify(plain.plain_network(network), patches, 4), expected, atol=1e-5
    )


def test_steps_are_reported_and_end() -> None:
    network = plain.plain_network(tiny_network())
    bank = tiny_bank(network, 0)
    reported: list[int] = []
    schedule = SCHEDULE | {"max_steps": None, "epochs": 2}
    plain.adapt(network, source_of(bank), some_patches(10), on_step=reported.append, **schedule)
    assert reported == [1, 2, 3, 4]  # 25 patches an epoch
