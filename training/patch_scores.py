"""Scores of a network on the patches of a training set: for mining, validation and the bank."""

from __future__ import annotations

import math

import numpy as np
import torch
from tqdm import tqdm

from model.network import MITOTIC, MitosisNetwork
from model.patches import normalise
from model.precision import arithmetic
from training.compute import SINGLE_PROCESS, Compute
from training.samples import Samples


def score_samples(
    network: MitosisNetwork,
    samples: Samples,
    index: np.ndarray,
    batch_size: int = 512,
    compute: Compute = SINGLE_PROCESS,
) -> np.ndarray:
    """(len(index),) float32 log odds of the mitotic class, without augmentation.

    Args:
        network: on the device of `compute`.
        samples: to score.
        index: (n,) which of them.
        batch_size: patches per forward pass.
        compute: device, and the processes that share the work.
    """
    network.eval()
    mine = index[compute.rank :: compute.world]
    scores = [torch.zeros(0)]
    with torch.inference_mode(), arithmetic(compute.precision, compute.device):
        for start in tqdm(
            range(0, len(mine), batch_size), desc="scores", mininterval=5, disable=not compute.first
        ):
            cut = np.stack([samples.patch(int(i)) for i in mine[start : start + batch_size]])
            patches = normalise(torch.from_numpy(cut).to(compute.device)).contiguous(
                memory_format=torch.channels_last
            )
            logits = network(patches).mitosis.float()
            scores.append((logits[:, MITOTIC] - logits[:, 1 - MITOTIC]).cpu())
    return compute.gather(torch.cat(scores), len(index)).numpy()


def hardest_negatives(
    network: MitosisNetwork, samples: Samples, count: int, compute: Compute = SINGLE_PROCESS
) -> np.ndarray:
    """(count,) indices of the highest-scoring negatives, and of those annotated as look-alikes."""
    negatives = np.flatnonzero(samples.labelled & ~samples.mitotic)
    scores = score_samples(network, samples, negatives, compute=compute)
    mined = negatives[np.argsort(-scores, kind="stable")[:count]]
    return np.union1d(mined, np.flatnonzero(samples.hard))


def validate(
    network: MitosisNetwork, samples: Samples, compute: Compute = SINGLE_PROCESS
) -> dict[str, float]:
    """Mean cross entropy of the mitosis branch, and its average precision over the patches."""
    scores = score_samples(network, samples, np.arange(len(samples)), compute=compute)
    losses = np.logaddexp(0, np.where(samples.mitotic, -scores, scores).astype(np.float64))
    return {
        "validation_loss": float(losses.mean()),
        "validation_ap": average_precision(scores, samples.mitotic),
    }


def average_precision(scores: np.ndarray, mitotic: np.ndarray) -> float:
    """Mean precision at each mitotic patch in the order of the scores; NaN if there is none."""
    ranked = mitotic[np.argsort(-scores, kind="stable")]
    precision = (np.cumsum(ranked) / np.arange(1, len(ranked) + 1))[ranked]
    return float(precision.mean()) if len(precision) else math.nan
