"""The control takes the steps of gradient reversal without the reversed gradient."""

from __future__ import annotations

from dataclasses import replace

import torch

from experiments.adaptations import reversal_control
from experiments.adaptations.registry import CONTROL, CONTROLS
from model.activations import activations_below
from model.adaptation.base import AdaptationSettings, Adapted
from model.adaptation.registry import ADAPTATIONS
from model.network import MitosisNetwork
from test.model.builders import some_patches, tiny_bank, tiny_network

SETTINGS = AdaptationSettings(epochs=2, learning_rate=1e-3, batch_size=16, reversal_weight=0.5)


def setting() -> tuple[MitosisNetwork, torch.Tensor]:
    network = tiny_network()
    return network, activations_below(network, some_patches(20, seed=9), 3, "fp32").clone()


def adapted(name: str, settings: AdaptationSettings) -> Adapted:
    network, target = setting()
    arm = {**ADAPTATIONS, **CONTROLS}[name].load()
    return arm(network, target, tiny_bank(network, 3), settings)


def test_it_is_the_default_s_method_at_weight_0() -> None:
    control = adapted(CONTROL, SETTINGS)
    same = adapted("gradient-reversal", replace(SETTINGS, reversal_weight=0.0))
    reversal = adapted("gradient-reversal", SETTINGS)
    assert control.record == same.record
    for name, value in control.network.state_dict().items():
        assert torch.equal(value, same.network.state_dict()[name]), name
    assert control.record["steps"] == reversal.record["steps"] > 0
    assert control.record["curve"]["mitosis_loss"] != reversal.record["curve"]["mitosis_loss"]


def test_the_image_does_not_move_the_trunk() -> None:
    """Batches of the same entries beside other candidates give the same trunk."""
    trunks = []
    for shift in (0.0, 3.0):
        network, target = setting()
        bank = tiny_bank(network, 3)
        reversal_control.adapt(network, target + shift, bank, SETTINGS)
        trunks.append(dict(network.named_parameters()))
    for name, value in trunks[0].items():
        same = torch.allclose(value, trunks[1][name], atol=1e-6)
        assert same != name.startswith("scanner"), name
