"""The target domain of an adaptation: the candidates of one image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import torch

from model.activations import activations_below
from model.network import MitosisNetwork
from model.patches import PATCH_SIZE, PatchCutter, resize
from model.precision import Precision

CHUNK = 2048  # candidates whose pixels are held at once
VIEWS = 8
# Side in px of the wider patches that half of the views are shrunk from, because cells are larger
# in some tumours than in most of the training data (experiments/LOG.md has what it gives).
WIDE = 84
# Candidates whose activations are kept: more than the paper's largest images have (17,500). An
# image with more is adapted to by a sample, and its activations are computed again when needed.
MAX_KEPT = 32768


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

    def chunks(self) -> Iterator[torch.Tensor]:
        """The activations of all candidates, in order, a chunk at a time."""
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
        """Activations of all candidates, or of MAX_KEPT of them: what is adapted to."""
        ...

    def parts(self) -> Iterator[Part]:
        """All candidates, part by part."""
        ...


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
    ) -> None:
        """Cut the patches and, unless they are used only once, compute their activations.

        Args:
            network: its layers below the cut are used, now or later; they must not change.
            pixels: (height, width, 3) uint8 RGB.
            centres: (n, 2) x, y in px.
            cut: of the network, 0 to 4.
            precision: of the arithmetic.
            seed: of the sample, where there are more than MAX_KEPT candidates.
            keep: whether the activations are used more than once: they are computed now and kept.
                If not, they are computed where needed, chunk by chunk.
        """
        self.cut = cut
        self.index: slice | np.ndarray = slice(None)
        self.precision = precision
        self._network = network
        self._cutter = PatchCutter(pixels)
        self._wide_cutter = PatchCutter(pixels, WIDE)
        self._centres = centres
        self._seed = seed
        self._sample = self._computed_sample() if keep else None

    def __len__(self) -> int:
        return len(self._centres)

    @property
    def sample(self) -> torch.Tensor:
        """Activations of all candidates, or of MAX_KEPT of them, in order: what is adapted to."""
        if self._sample is None:
            self._sample = self._computed_sample()
        return self._sample

    def parts(self) -> Iterator[Part]:
        """The image itself."""
        yield self

    def once(self, name: str, compute: Compute) -> np.ndarray:
        """What `compute` returns."""
        return compute()

    def chunks(self) -> Iterator[torch.Tensor]:
        """The activations of all candidates, in order, a chunk at a time."""
        if self._sample is None or len(self) > MAX_KEPT:
            yield from self._compute(self._centres)
        elif len(self):
            yield from self._sample.split(CHUNK)

    def views(self, index: np.ndarray) -> Iterator[torch.Tensor]:
        """Activations of some candidates: quarter turns of a patch, and of a wider one mirrored."""
        centres = self._centres[index]
        near = self._cutter.cut(centres)
        wide = resize(self._wide_cutter.cut(centres), PATCH_SIZE).flip(2)
        for quarter_turns in range(VIEWS // 2):
            for patches in (near, wide):
                view = torch.rot90(patches, quarter_turns, dims=(1, 2)).contiguous()
                yield activations_below(self._network, view, self.cut, self.precision)

    def _computed_sample(self) -> torch.Tensor:
        count = len(self)
        chosen = np.arange(count)
        if count > MAX_KEPT:
            chosen = np.sort(np.random.default_rng(self._seed).permutation(count)[:MAX_KEPT])
        sample, filled = torch.zeros(0), 0
        for part in self._compute(self._centres[chosen]):
            if not filled:  # joining the parts at the end would take the memory twice
                sample = torch.empty_like(part[:1].expand(len(chosen), *part.shape[1:]))
            sample[filled : filled + len(part)] = part
            filled += len(part)
        return sample

    def _compute(self, centres: np.ndarray) -> Iterator[torch.Tensor]:
        for start in range(0, len(centres), CHUNK):
            patches = self._cutter.cut(centres[start : start + CHUNK])
            yield activations_below(self._network, patches, self.cut, self.precision)
