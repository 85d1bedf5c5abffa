"""Batches of a training: which samples, balanced how, augmented how.

Batch k is a function of the seed and k alone, so a resumed training draws what an uninterrupted
one would have drawn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from model.patches import PATCH_SIZE
from training.augmentation import Augmentation, augment
from training.compute import SINGLE_PROCESS, Compute
from training.samples import NO_DOMAIN, WINDOW, Samples


class Batch(NamedTuple):
    """Patches (n, 64, 64, 3) uint8, mitotic (n,) int64, domain (n,) int64 or NO_DOMAIN.

    counts (2,) int64: samples of the step over all processes, and those of them with a domain.
    """

    patches: torch.Tensor
    mitotic: torch.Tensor
    domain: torch.Tensor
    counts: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        """The batch with its samples on a device; the counts stay on the CPU."""
        patches, mitotic, domain = (v.to(device, non_blocking=True) for v in self[:3])
        return Batch(patches, mitotic, domain, self.counts)


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
    """Draws balanced batches; `hard` can be replaced as the network improves.

    Of several processes, process `rank` of `world` gets each world-th sample of a batch.
    """

    def __init__(
        self,
        samples: Samples,
        mixture: Mixture,
        augmentation: Augmentation | None,
        seed: int,
        compute: Compute = SINGLE_PROCESS,
    ) -> None:
        self.samples = samples
        self.mixture = mixture
        self.augmentation = augmentation
        self.seed = seed
        self.compute = compute
        self.hard = np.flatnonzero(samples.hard)
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
        seed = int(random.integers(2**62)) + self.compute.rank
        index, domain = self._choose(random, step)
        counts = torch.tensor([len(index), int((domain != NO_DOMAIN).sum())])
        mine = slice(self.compute.rank, None, self.compute.world)
        index, domain = index[mine], domain[mine]
        if self.augmentation is None:
            windows = np.stack([self._window(int(i), random, PATCH_SIZE) for i in index])
            patches = torch.from_numpy(windows)
        else:
            windows = np.stack([self._window(int(i), random) for i in index])
            generator = torch.Generator().manual_seed(seed)
            patches = augment(torch.from_numpy(windows), self.augmentation, generator)
        mitotic = torch.from_numpy(self.samples.mitotic[index].astype(np.int64))
        return Batch(patches, mitotic, torch.from_numpy(domain), counts)

    def steps(self, first: int, last: int) -> Iterator[Batch]:
        """Batches first to last - 1, prepared ahead while those before are computed with."""
        threads = self.compute.loaders
        with ThreadPoolExecutor(max_workers=threads) as pool:
            following = deque(pool.submit(self.draw, s) for s in range(first, last)[:threads])
            for step in range(first, last):
                batch = following.popleft().result()
                if step + threads < last:
                    following.append(pool.submit(self.draw, step + threads))
                yield batch

    def _choose(self, random: np.random.Generator, step: int) -> tuple[np.ndarray, np.ndarray]:
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

    def _window(self, index: int, random: np.random.Generator, side: int = WINDOW) -> np.ndarray:
        drawn = random.choice(self.negative_borders) if self.bordered_figures[index] else None
        return self.samples.window(index, drawn, side)


class EveryPatch(BatchSource):
    """Draws every sample once an epoch, in an order that seed and epoch decide (paper)."""

    def _choose(self, random: np.random.Generator, step: int) -> tuple[np.ndarray, np.ndarray]:
        size = self.mixture.size
        epoch, batch = divmod(step, batches_per_epoch(len(self.samples), size))
        index = self._order(epoch)[batch * size : (batch + 1) * size]
        return index, self.samples.domain[index].astype(np.int64)

    def _order(self, epoch: int) -> np.ndarray:
        kept = self._ordered  # read once: several threads draw
        if kept[0] != epoch:
            order = np.random.default_rng([self.seed, epoch]).permutation(len(self.samples))
            self._ordered = kept = epoch, order
        return kept[1]

    _ordered: tuple[int, np.ndarray] = (-1, np.zeros(0, np.int64))


def batches_per_epoch(samples: int, size: int) -> int:
    """Whole batches in an epoch: the few samples left over change from epoch to epoch."""
    return max(samples // size, 1)


def _spread(total: int, parts: int, random: np.random.Generator) -> list[int]:
    """Total in near-equal parts; which ones get the remainder is drawn."""
    counts = np.full(parts, total // parts)
    counts[random.permutation(parts)[: total % parts]] += 1
    return [int(count) for count in counts]
