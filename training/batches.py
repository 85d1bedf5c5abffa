"""Batches of a training: which samples, balanced how, augmented how.

Batch k is a function of the seed and k alone, so a resumed training draws what an uninterrupted
one would have drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from training.augmentation import Augmentation, augment
from training.samples import NO_DOMAIN, Samples


class Batch(NamedTuple):
    """Patches (n, 64, 64, 3) uint8, mitotic (n,) int64, domain (n,) int64 or NO_DOMAIN."""

    patches: torch.Tensor
    mitotic: torch.Tensor
    domain: torch.Tensor


@dataclass(frozen=True)
class Mixture:
    """Shares of a batch.

    Attributes:
        size: samples in a batch (paper: 128).
        mitotic: share of mitotic figures, the same in every domain, or the scanner branch would
            learn the class.
        hard: share of hard negatives; they come from few domains and stay out of the scanner loss.
    """

    size: int = 128
    mitotic: float = 0.3
    hard: float = 0.0


class BatchSource:
    """Draws batches from samples; `hard` can be replaced as the network improves."""

    def __init__(
        self, samples: Samples, mixture: Mixture, augmentation: Augmentation, seed: int
    ) -> None:
        self.samples = samples
        self.mixture = mixture
        self.augmentation = augmentation
        self.seed = seed
        self.hard = np.zeros(0, np.int64)
        domains = range(len(samples.domains))
        self.positives = [np.flatnonzero(samples.mitotic & (samples.domain == d)) for d in domains]
        self.negatives = [np.flatnonzero(~samples.mitotic & (samples.domain == d)) for d in domains]
        for name, positives, negatives in zip(
            samples.domains, self.positives, self.negatives, strict=True
        ):
            if len(positives) == 0 or len(negatives) == 0:
                raise ValueError(
                    f"domain {name} has {len(positives)} mitotic figures and {len(negatives)} "
                    "negatives: both are needed"
                )
        self.bordered_figures = samples.mitotic & samples.bordered()
        self.negative_borders = samples.negative_borders()

    def draw(self, step: int) -> Batch:
        """The batch of a step."""
        random = np.random.default_rng([self.seed, step])
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        index, domain = self._choose(random)
        windows = np.stack([self._window(int(i), random) for i in index])
        patches = augment(torch.from_numpy(windows), self.augmentation, generator)
        mitotic = torch.from_numpy(self.samples.mitotic[index].astype(np.int64))
        return Batch(patches, mitotic, torch.from_numpy(domain))

    def steps(self, first: int, last: int) -> Iterator[Batch]:
        """Batches first to last - 1, each prepared while the one before is computed with."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            following = pool.submit(self.draw, first)
            for step in range(first, last):
                batch = following.result()
                if step + 1 < last:
                    following = pool.submit(self.draw, step + 1)
                yield batch

    def _choose(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Indices of samples and their domains for the scanner loss."""
        size = self.mixture.size
        hard = round(size * self.mixture.hard) if len(self.hard) else 0
        domains = len(self.samples.domains)
        positive_counts = _spread(round(size * self.mixture.mitotic), domains, random)
        negative_counts = _spread(size - hard - sum(positive_counts), domains, random)
        index, domain = [], []
        for d in range(domains):
            for pool, count in (
                (self.positives[d], positive_counts[d]),
                (self.negatives[d], negative_counts[d]),
            ):
                index.append(random.choice(pool, count))
                domain.append(np.full(count, d))
        if hard:
            index.append(random.choice(self.hard, hard))
            domain.append(np.full(hard, NO_DOMAIN))
        return np.concatenate(index), np.concatenate(domain).astype(np.int64)

    def _window(self, index: int, random: np.random.Generator) -> np.ndarray:
        drawn = random.choice(self.negative_borders) if self.bordered_figures[index] else None
        return self.samples.window(index, drawn)


def _spread(total: int, parts: int, random: np.random.Generator) -> list[int]:
    """Total in near-equal parts; which ones get the remainder is drawn."""
    counts = np.full(parts, total // parts)
    counts[random.permutation(parts)[: total % parts]] += 1
    return [int(count) for count in counts]
