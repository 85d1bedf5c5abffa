"""The network that a training starts with."""

from __future__ import annotations

from pathlib import Path

import torch

from model.network import MitosisNetwork
from model.patches import normalise
from training.augmentation import Augmentation
from training.batches import BatchSource
from training.mixture import Mixture
from training.runs import load_run
from training.samples import Samples
from training.scanner_branch import network_for
from training.trunk import Trunk, load_trunk

STATISTICS_PATCHES = 512  # that batch norm's first statistics are computed from


def initial_network(
    samples: Samples,
    trunk: Trunk,
    start: Path | None,
    seed: int,
    patches: int = STATISTICS_PATCHES,
) -> MitosisNetwork:
    """A new network with the given trunk, or the network of a run with a new scanner branch.

    Args:
        samples: to train on.
        trunk: where the layers below the branches start.
        start: finished run to continue from instead.
        seed: of the new layers.
        patches: number of patches that batch norm's first statistics are computed from.
    """
    torch.manual_seed(seed)
    network = network_for(samples)
    if start is None:
        mixture = Mixture(size=patches)
        source = BatchSource(samples, mixture, Augmentation(), seed)
        load_trunk(network, trunk, lambda: normalise(source.draw(0).patches))
        return network
    before, _ = load_run(start)
    network.trunk.load_state_dict(before.trunk.state_dict())
    network.mitosis.load_state_dict(before.mitosis.state_dict())
    return network
