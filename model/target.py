"""The target domain of an adaptation: the candidates of one image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from model.activations import activations_below
from model.kept_views import MAX_VIEWED, KeptViews, Room
from model.network import MitosisNetwork
from model.patches import PATCH_SIZE, PatchCutter, resize
from model.precision import Precision
from model.screen import Screen

CHUNK = 2048  # candidates whose pixels are held at once
VIEWS = 8
# Side in px of the wider patches that half of the views are shrunk from, because cells are larger
# in some tumours than in most of the training data (experiments/LOG.md has what it gives).
WIDE = 84
# Candidates whose activations are kept: more than the paper's largest images have (17,500). An
# image with more is adapted to by a sample, and its activations are computed again when needed.
MAX_KEPT = 32768
# Candidates that are adapted to where a screen spares the network most of the others. 100 steps of
# 64 candidates meet each of them three times.
SCREENED_SAMPLE = 2048

Compute = Callable[[], np.ndarray]


class Part(Protocol):
    """Candidates whose pixels are in memory together: those of an image, or of a slide's tile.

    Attributes:
        cut: of the network, 0 to 4.
        precision: of the arithmetic.
        index: where they are among the candidates of the target.
    """

    cut: int
    precision: Precision
    index: slice | np.ndarray

    def __len__(self) -> int:
        """Number of candidates."""
        ...

    def likely(self) -> np.ndarray:
        """(k,) ascending indices of the candidates that the network is asked about."""
        ...

    def chunks(self) -> Iterator[torch.Tensor]:
        """The activations of the likely candidates, in order, a chunk at a time."""
        ...

    def views(self, index: np.ndarray) -> Iterator[torch.Tensor]:
        """Activations of some candidates: quarter turns of a patch, and of a wider one mirrored."""
        ...

    def once(self, name: str, compute: Compute) -> np.ndarray:
        """What `compute` returns, or what it returned in a run that was interrupted."""
        ...


class Target(Protocol):
    """The candidates that the network is adapted to and asked about."""

    precision: Precision

    def __len__(self) -> int:
        """Number of candidates."""
        ...

    @property
    def sample(self) -> torch.Tensor:
        """Activations of all candidates, or of a sample of them: what is adapted to."""
        ...

    def parts(self) -> Iterator[Part]:
        """All candidates, part by part."""
        ...


@dataclass(frozen=True)
class Kept:
    """Activations (n, …) at the cut of the candidates with these ascending indices (n,)."""

    index: np.ndarray
    values: torch.Tensor

    def of(self, index: np.ndarray) -> torch.Tensor:
        """The activations of some of them (k,), ascending."""
        rows = np.searchsorted(self.index, index)
        return self.values if len(rows) == len(self.index) else self.values[torch.from_numpy(rows)]


class TargetDomain:
    """Patches of an image's candidates, and their activations at the cut: a target of one part."""

    def __init__(
        self,
        network: MitosisNetwork,
        pixels: np.ndarray,
        centres: np.ndarray,
        cut: int,
        precision: Precision,
        seed: int = 0,
        keep: bool = True,
        screen: Screen | None = None,
    ) -> None:
        """Cut the patches and, unless they are used only once, compute their activations.

        Args:
            network: its layers below the cut are used, now or later; they must not change.
            pixels: (height, width, 3) uint8 RGB.
            centres: (n, 2) x, y in px.
            cut: of the network, 0 to 4.
            precision: of the arithmetic.
            seed: of the sample, where there are too many candidates to adapt to all.
            keep: whether the activations are used more than once: they are computed now and kept.
                If not, they are computed where needed, chunk by chunk.
            screen: rejects candidates that the network is not asked about; None for none.
        """
        self.cut = cut
        self.index: slice | np.ndarray = slice(None)
        self.precision = precision
        self._network = network
        self._cutter = PatchCutter(pixels)
        self._wide_cutter = PatchCutter(pixels, WIDE)
        self._centres = centres
        self._likely = np.arange(len(centres)) if screen is None else self._screened(screen)
        self._chosen = drawn(len(centres), sample_size(screen), seed)
        self._kept = self._computed(self._worth_keeping()) if keep else None
        self._viewed = KeptViews(Room(MAX_VIEWED if keep else 0))

    def __len__(self) -> int:
        return len(self._centres)

    @property
    def sample(self) -> torch.Tensor:
        """Activations of all candidates, or of a sample of them, in order: what is adapted to."""
        if self._kept is None:
            self._kept = self._computed(self._chosen)
        return self._kept.of(self._chosen)

    def parts(self) -> Iterator[Part]:
        """The image itself."""
        yield self

    def once(self, name: str, compute: Compute) -> np.ndarray:
        """What `compute` returns."""
        return compute()

    def likely(self) -> np.ndarray:
        """(k,) ascending indices of the candidates that the network is asked about."""
        return self._likely

    def chunks(self) -> Iterator[torch.Tensor]:
        """The activations of the likely candidates, in order, a chunk at a time."""
        kept = self._kept
        if kept is None or not np.isin(self._likely, kept.index, assume_unique=True).all():
            yield from self._compute(self._likely)
        elif len(self._likely):
            yield from kept.of(self._likely).split(CHUNK)

    def views(self, index: np.ndarray) -> Iterator[torch.Tensor]:
        """Activations of some candidates: quarter turns of a patch, and of a wider one mirrored."""
        return self._viewed.of(index, self._computed_views)

    def _computed_views(self, index: np.ndarray) -> Iterator[torch.Tensor]:
        centres = self._centres[index]
        near = self._cutter.cut(centres)
        wide = resize(self._wide_cutter.cut(centres), PATCH_SIZE).flip(2)
        views = torch.cat(
            [
                torch.rot90(patches, quarter_turns, dims=(1, 2))
                for quarter_turns in range(VIEWS // 2)
                for patches in (near, wide)
            ]
        )
        seen = activations_below(self._network, views, self.cut, self.precision)
        yield from seen.split(len(index))

    def _screened(self, screen: Screen) -> np.ndarray:
        passed = [
            screen.passes(self._cutter.cut(self._centres[start : start + CHUNK])).numpy()
            for start in range(0, len(self._centres), CHUNK)
        ]
        return np.flatnonzero(np.concatenate([np.zeros(0, bool), *passed]))

    def _worth_keeping(self) -> np.ndarray:
        """Candidates whose activations are used again; only the sample where that is too many."""
        every = np.union1d(self._likely, self._chosen)
        return every if len(every) <= MAX_KEPT else self._chosen

    def _computed(self, index: np.ndarray) -> Kept:
        values, filled = torch.zeros(0), 0
        for part in self._compute(index):
            if not filled:  # joining the parts at the end would take the memory twice
                values = torch.empty_like(part[:1].expand(len(index), *part.shape[1:]))
            values[filled : filled + len(part)] = part
            filled += len(part)
        return Kept(index, values)

    def _compute(self, index: np.ndarray) -> Iterator[torch.Tensor]:
        for start in range(0, len(index), CHUNK):
            patches = self._cutter.cut(self._centres[index[start : start + CHUNK]])
            yield activations_below(self._network, patches, self.cut, self.precision)


def sample_size(screen: Screen | None) -> int:
    """Most candidates that are adapted to."""
    return MAX_KEPT if screen is None else SCREENED_SAMPLE


def drawn(count: int, most: int, seed: int) -> np.ndarray:
    """(k,) ascending indices: all, or `most` drawn at random."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).permutation(count)[:most])
