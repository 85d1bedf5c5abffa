"""The target domain of a whole slide: its candidates, whose pixels are read tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import NamedTuple

import numpy as np
import torch

from model.network import MitosisNetwork
from model.precision import Precision
from model.screen import Screen
from model.slide_candidates import read_tile
from model.target import Compute, Part, TargetDomain, sample_size
from slide.tiles import Tile
from slide.training_view import TrainingView

# What a computation returned, by a name; computed only if no earlier run has kept it.
Memo = Callable[[str, Compute], np.ndarray]
BLOCK = 4096  # px: candidates are ordered by blocks of 1 mm, so that a sample is spread over them


class Network(NamedTuple):
    """How the network is asked: itself, its cut, precision, seed of the sample, and its screen."""

    network: MitosisNetwork
    cut: int
    precision: Precision
    seed: int
    screen: Screen | None = None


class TileCandidates(NamedTuple):
    """The candidates (n, 2) of a tile in px of the slide."""

    tile: Tile
    centres: np.ndarray


def compute_always(name: str, compute: Compute) -> np.ndarray:
    """A Memo that keeps nothing."""
    return compute()


class SlideTarget:
    """Candidates of a slide, in an order that does not depend on the grid of tiles."""

    def __init__(
        self,
        view: TrainingView,
        found: Sequence[TileCandidates],
        asked: Network,
        memo: Memo = compute_always,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> None:
        """Order the candidates; nothing is read yet.

        Args:
            view: of the slide.
            found: candidates by tile.
            asked: the shipped network; its layers below the cut must not change.
            memo: keeps what is finished of a tile.
            progress: called with the stage, the tiles done and all tiles.
        """
        self.precision = asked.precision
        self.stage = "classification"
        self._view = view
        self._asked = asked
        self._memo = memo
        self._progress = progress
        every = [tile.centres for tile in found] or [np.zeros((0, 2))]
        centres = np.concatenate(every)
        x, y = centres.T
        order = np.lexsort((x, y, x // BLOCK, y // BLOCK))
        self.centres = centres[order]
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        self._tiles: list[tuple[Tile, np.ndarray]] = []
        start = 0
        for tile, own in found:
            if len(own):
                self._tiles.append((tile, np.sort(place[start : start + len(own)])))
            start += len(own)
        self._sample: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.centres)

    def parts(self) -> Iterator[Part]:
        """The tiles that have candidates."""
        for done, (tile, index) in enumerate(self._tiles):
            if self._progress is not None:
                self._progress(self.stage, done, len(self._tiles))
            yield self._part(tile, index, self._asked)

    @property
    def sample(self) -> torch.Tensor:
        """Activations of all candidates, or of a sample that is spread over the slide."""
        if self._sample is None:
            self._sample = self._computed_sample()
        return self._sample

    def _part(self, tile: Tile, index: np.ndarray, asked: Network) -> TilePart:
        name = str(PurePath(self.stage, tile.name))
        return TilePart(
            asked,
            self.centres[index] - (tile.x, tile.y),
            index,
            lambda: read_tile(self._view, tile),
            lambda step, compute: self._memo(f"{name}-{step}", compute),
        )

    def _computed_sample(self) -> torch.Tensor:
        asked = self._asked
        chosen = systematic_sample(len(self), sample_size(asked.screen), asked.seed)
        sample = torch.zeros(0)
        for done, (tile, index) in enumerate(self._tiles):
            if self._progress is not None:
                self._progress("sample for the adaptation", done, len(self._tiles))
            index = index[np.isin(index, chosen, assume_unique=True)]
            if not len(index):
                continue
            place = torch.from_numpy(np.searchsorted(chosen, index))
            values = torch.cat(list(self._part(tile, index, asked._replace(screen=None)).chunks()))
            if not len(sample):
                sample = torch.empty_like(values[:1].expand(len(chosen), *values.shape[1:]))
            sample[place] = values
        return sample


class TilePart:
    """The candidates of one tile (see Part). Its pixels are read when they are needed."""

    def __init__(
        self,
        asked: Network,
        centres: np.ndarray,
        index: np.ndarray,
        read: Callable[[], np.ndarray],
        memo: Memo,
    ) -> None:
        """Nothing is read yet.

        Args:
            asked: the shipped network.
            centres: (n, 2) x, y in px of the tile's region.
            index: (n,) of the candidates in the slide.
            read: returns the pixels of the region.
            memo: keeps what is finished of this tile.
        """
        self.cut, self.precision = asked.cut, asked.precision
        self.index: slice | np.ndarray = index
        self._asked, self._centres, self._read, self._memo = asked, centres, read, memo

    def __len__(self) -> int:
        return len(self._centres)

    def likely(self) -> np.ndarray:
        """(k,) ascending indices of the candidates that the network is asked about."""
        return self.once("likely", lambda: self._target(self._asked.screen).likely())

    def chunks(self) -> Iterator[torch.Tensor]:
        """The activations of the likely candidates, in order, a chunk at a time."""
        return self._target(self._asked.screen).chunks()

    def views(self, index: np.ndarray) -> Iterator[torch.Tensor]:
        """Activations of some candidates in eight views."""
        return self._target(None).views(index)

    def once(self, name: str, compute: Compute) -> np.ndarray:
        """What `compute` returns, or what it returned in a run that was interrupted."""
        return self._memo(name, compute)

    def _target(self, screen: Screen | None) -> TargetDomain:
        network, cut, precision, seed, _ = self._asked
        return TargetDomain(
            network, self._read(), self._centres, cut, precision, seed, keep=False, screen=screen
        )


def systematic_sample(count: int, most: int, seed: int) -> np.ndarray:
    """(k,) ascending indices: all, or `most` at even distances from a random start."""
    if count <= most:
        return np.arange(count)
    start = np.random.default_rng(seed).random()
    return np.floor((np.arange(most) + start) * count / most).astype(np.int64)
