"""Where the layers of a new network start: ImageNet's weights from several files, or random."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torchvision.models import ResNet18_Weights

from model.network import MitosisNetwork
from training.imagenet_trunk import load_folded_trunk

IMAGENET = "imagenet"
RANDOM = "random"
TRUNK_FILE = "imagenet_resnet18_stem_to_layer3_folded_fp16.npz"  # in a data folder


class Trunk(NamedTuple):
    """`imagenet` (torchvision's weights, from its cache or the network), `random`, or a file."""

    origin: str

    @property
    def label(self) -> str:
        """How `run.json` names it."""
        return RANDOM if self.origin == RANDOM else IMAGENET


def load_trunk(network: MitosisNetwork, trunk: Trunk, patches: Callable[[], torch.Tensor]) -> None:
    """Load the layers below the branches.

    Args:
        network: changed in place.
        trunk: where from. A `.pth` file has torchvision's form, a `.npz` file convolutions with
            batch norm folded in.
        patches: returns normalised patches of the training set, which an `.npz` file needs.
    """
    if trunk.origin == RANDOM:
        return
    if trunk.origin.endswith(".npz"):
        load_folded_trunk(network, Path(trunk.origin), patches())
        return
    if trunk.origin == IMAGENET:
        state = ResNet18_Weights.IMAGENET1K_V1.get_state_dict(check_hash=True)
    else:
        state = torch.load(trunk.origin, weights_only=True, map_location="cpu")
    layers = {name: value for name, value in state.items() if not name.startswith("fc.")}
    network.trunk.load_state_dict(layers)
