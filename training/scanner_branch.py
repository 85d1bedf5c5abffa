"""The scanner branch in training: a logit for each domain, unlabelled ones included.

The released branch has a logit for each source domain and a last one for the target. A single
unlabelled domain trains the target's logit; of several, the mean of their logits' weights becomes
the target's.
"""

from __future__ import annotations

import torch
from torch import nn

from model.network import MitosisNetwork
from training.samples import Samples


def network_for(samples: Samples) -> MitosisNetwork:
    """A new network whose scanner branch has a logit for each domain of the samples."""
    return MitosisNetwork(max(len(samples.scanner_classes) - 1, len(samples.domains)))


def with_source_domains(network: MitosisNetwork, source_domains: int) -> MitosisNetwork:
    """The network as it is released; itself if it has no more domains than that."""
    if network.source_domains == source_domains:
        return network
    released = MitosisNetwork(source_domains)
    released.trunk.load_state_dict(network.trunk.state_dict())
    released.mitosis.load_state_dict(network.mitosis.state_dict())
    *_, last = network.scanner
    assert isinstance(last, nn.Linear)
    state = network.scanner.state_dict()
    for name, values in last.state_dict().items():
        target = values[source_domains:].mean(dim=0, keepdim=True)
        key = f"{len(network.scanner) - 1}.{name}"
        state[key] = torch.cat([values[:source_domains], target])
    released.scanner.load_state_dict(state)
    return released
