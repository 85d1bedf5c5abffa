"""Batch norm statistics of real candidates: unaugmented patches at their share of figures.

Training batches are augmented and hold far more mitotic figures than an image does, so statistics
collected in training are not those of an image's candidates.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.optim.swa_utils import update_bn

from model.network import MitosisNetwork
from model.patches import normalise
from training.batches import BatchSource
from training.compute import Compute
from training.mixture import Mixture
from training.samples import Samples

BATCHES = 40
BATCH = Mixture(size=512)


def set_candidate_statistics(
    network: MitosisNetwork, samples: Samples, share: float, seed: int, compute: Compute
) -> None:
    """Replace the running statistics by means over batches of the labelled domains.

    Args:
        network: changed in place; on the device of `compute`.
        samples: of the training.
        share: of mitotic figures in a batch; at least one is drawn.
        seed: of the batches.
        compute: device. Each process computes the same statistics from the same batches.
    """
    alone = replace(compute, rank=0, world=1)
    mixture = replace(BATCH, mitotic=max(share, 1 / BATCH.size))
    source = BatchSource(samples, mixture, None, seed, alone)
    batches = (
        normalise(batch.patches.to(compute.device)).contiguous(memory_format=torch.channels_last)
        for batch in source.steps(0, BATCHES)
    )
    update_bn(batches, network)
    network.eval()
