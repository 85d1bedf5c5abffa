"""A small network, image and bank for the adaptations at matched priors."""

from __future__ import annotations

import torch

from model.activations import activations_below
from model.adaptation.base import Adapt, AdaptationSettings, Adapted
from model.network import MitosisNetwork
from model.source_bank import SourceBank
from test.model.builders import some_patches, tiny_bank, tiny_network

SETTINGS = AdaptationSettings(epochs=2, learning_rate=1e-3, batch_size=16, reversal_weight=0.5)
CANDIDATES = 20
STEPS = 6  # two epochs over 15 entries and 20 candidates in batches of 16


def setting(cut: int = 4) -> tuple[MitosisNetwork, torch.Tensor, SourceBank]:
    """Network, activations of the candidates, and bank at a cut."""
    network = tiny_network()
    target = activations_below(network, some_patches(CANDIDATES, seed=9), cut, "fp32").clone()
    return network, target, tiny_bank(network, cut)


def adapted_at_cut_4(
    arm: Adapt, settings: AdaptationSettings = SETTINGS
) -> tuple[Adapted, dict[str, torch.Tensor]]:
    """What an arm returns, and the state of the network before."""
    network, target, bank = setting()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    return arm(network, target, bank, settings), before


def check_arm(arm: Adapt, moved: set[str]) -> None:
    """What holds for every arm: only branches move, no rate is no change, the seed decides."""
    adapted, before = adapted_at_cut_4(arm)
    changed = {
        name.split(".")[0]
        for name, value in adapted.network.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert changed == moved
    assert adapted.record["steps"] == adapted.record["planned_steps"] == STEPS
    assert adapted.record["drift"] > 0
    assert not any(module.training for module in adapted.network.modules())
