"""Batches of a training: which samples, balanced how, augmented how.

Batch k is a function of the seed and k alone, so a resumed training draws what an uninterrupted
one would have drawn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch

from model.patches import PATCH_SIZE
from training.augmentation import Augmentation, augment
from training.compute import SINGLE_PROCESS, Compute
from training.mixture import Mixture, Pools, batches_per_epoch
from training.samples import NO_CLASS, NO_DOMAIN, WINDOW, Samples
from training.windows import window_cutter


class Batch(NamedTuple):
    """Patches of a step and what they show.

    Attributes:
        patches: (n, 64, 64, 3) uint8.
        mitotic: (n,) int64 class, or NO_CLASS.
        domain: (n,) int64 index, or NO_DOMAIN.
        counts: (2,) int64 number of samples with a class and with a domain, over all processes.
    """

    patches: torch.Tensor
    mitotic: torch.Tensor
    domain: torch.Tensor
    counts: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        """The batch with its samples on a device; the counts stay on the CPU."""
        patches, mitotic, domain = (v.to(device, non_blocking=True) for v in self[:3])
        return Batch(patches, mitotic, domain, self.counts)


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
        self._pools = Pools(samples, mixture)
        self._cutter = window_cutter(samples, compute.device)
        self._bordered_figures = samples.mitotic & samples.bordered()
        self._negative_borders = samples.negative_borders()
        self._classes = np.where(samples.labelled, samples.mitotic, NO_CLASS).astype(np.int64)

    def draw(self, step: int) -> Batch:
        """The batch of a step."""
        random = np.random.default_rng([self.seed, step])
        seed = int(random.integers(2**62)) + self.compute.rank
        index = self._choose(random, step)
        classes, domain = self._classes[index], self._domains(index)
        counts = torch.tensor([(classes != NO_CLASS).sum(), (domain != NO_DOMAIN).sum()])
        mine = slice(self.compute.rank, None, self.compute.world)
        patches = self._patches(index[mine], random, seed)
        return Batch(
            patches, torch.from_numpy(classes[mine]), torch.from_numpy(domain[mine]), counts
        )

    def steps(self, first: int, last: int) -> Iterator[Batch]:
        """Batches first to last - 1; on the CPU prepared ahead, by threads."""
        if self._cutter.device.type != "cpu":
            yield from map(self.draw, range(first, last))
            return
        threads = self.compute.loaders
        with ThreadPoolExecutor(max_workers=threads) as pool:
            following = deque(pool.submit(self.draw, s) for s in range(first, last)[:threads])
            for step in range(first, last):
                batch = following.popleft().result()
                if step + threads < last:
                    following.append(pool.submit(self.draw, step + threads))
                yield batch

    def _choose(self, random: np.random.Generator, step: int) -> np.ndarray:
        """Indices of the samples of a step, those of the hard negatives last."""
        return self._pools.draw(random, self.hard)

    def _domains(self, index: np.ndarray) -> np.ndarray:
        """Their domains for the scanner loss."""
        domain = self.samples.domain[index].astype(np.int64)
        hard = self._pools.hard_count(self.hard)
        domain[len(domain) - hard :] = NO_DOMAIN
        if self.mixture.scanner_loss_of_negatives:
            domain[self.samples.mitotic[index]] = NO_DOMAIN
        return domain

    def _patches(self, index: np.ndarray, random: np.random.Generator, seed: int) -> torch.Tensor:
        borders = self.samples.borders[index]
        figures = self._bordered_figures[index]
        borders[figures] = random.choice(self._negative_borders, figures.sum())
        if self.augmentation is None:
            return self._cutter.cut(index, borders, PATCH_SIZE)
        windows = self._cutter.cut(index, borders, WINDOW)
        generator = torch.Generator(windows.device).manual_seed(seed)
        return augment(windows, self.augmentation, generator)


class EveryPatch(BatchSource):
    """Draws every sample once per epoch, in an order that seed and epoch decide (paper)."""

    _ordered: tuple[int, np.ndarray] = (-1, np.zeros(0, np.int64))

    def _choose(self, random: np.random.Generator, step: int) -> np.ndarray:
        size = self.mixture.size
        epoch, batch = divmod(step, batches_per_epoch(len(self.samples), size))
        return self._order(epoch)[batch * size : (batch + 1) * size]

    def _domains(self, index: np.ndarray) -> np.ndarray:
        domain = self.samples.domain[index].astype(np.int64)
        if self.mixture.scanner_loss_of_negatives:
            domain[self.samples.mitotic[index]] = NO_DOMAIN
        return domain

    def _order(self, epoch: int) -> np.ndarray:
        kept = self._ordered  # read once: several threads draw
        if kept[0] != epoch:
            order = np.random.default_rng([self.seed, epoch]).permutation(len(self.samples))
            self._ordered = kept = epoch, order
        return kept[1]
