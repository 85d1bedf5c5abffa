"""The target domain of a whole slide: its candidates, whose pixels are read tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from model.kept_views import MAX_VIEWED, KeptViews, Room
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
    """How the network is asked.

    Attributes:
        network: the shipped one; its layers below the cut must not change.
        cut, precision: see TargetDomain.
        seed: of the sample.
        screen: rejects candidates that the network is not asked about; None for none.
        room: candidates whose activations may be kept for an adapted network, beside the sample.
    """

    network: MitosisNetwork
    cut: int
    precision: Precision
    seed: int
    screen: Screen | None = None
    room: int = 0


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
            asked: the network.
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
        self._chosen = systematic_sample(len(order), sample_size(asked.screen), asked.seed)
        self._is_chosen = np.zeros(len(order), bool)
        self._is_chosen[self._chosen] = True
        rooms, start = Rooms(Room(asked.room), Room(MAX_VIEWED)), 0
        self._parts: list[TilePart] = []
        for tile, own in found:
            index = np.sort(place[start : start + len(own)])
            start += len(own)
            if len(own):
                self._parts.append(self._part(tile, index, rooms))
        self._sample: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.centres)

    def parts(self) -> Iterator[Part]:
        """The tiles that have candidates."""
        return self._in_stage(self.stage)

    @property
    def sample(self) -> torch.Tensor:
        """Activations of all candidates, or of a sample that is spread over the slide."""
        if self._sample is None:
            self._sample = self._computed_sample()
        return self._sample

    def _in_stage(self, stage: str) -> Iterator[TilePart]:
        for done, part in enumerate(self._parts):
            if self._progress is not None:
                self._progress(stage, done, len(self._parts))
            part.stage = stage
            yield part
            part.finish()

    def _part(self, tile: Tile, index: np.ndarray, rooms: Rooms) -> TilePart:
        return TilePart(
            self._asked,
            TileCandidates(tile, self.centres[index] - (tile.x, tile.y)),
            Places(index, np.flatnonzero(self._is_chosen[index])),
            lambda: read_tile(self._view, tile),
            self._memo,
            rooms,
        )

    def _computed_sample(self) -> torch.Tensor:
        sample = torch.zeros(0)
        for part in self._in_stage("sample for the adaptation"):
            values = part.sample()
            if values is None:
                continue
            place = torch.from_numpy(
                np.searchsorted(self._chosen, part.places.of_slide[part.places.sampled])
            )
            if not len(sample):
                sample = torch.empty_like(values[:1].expand(len(self._chosen), *values.shape[1:]))
            sample[place] = values
        return sample


class Rooms(NamedTuple):
    """For activations of one view and of all, shared by all tiles."""

    one_view: Room
    all_views: Room


class Places(NamedTuple):
    """Ascending indices of the candidates of a tile.

    Attributes:
        of_slide: (n,) of all of them, among those of the slide.
        sampled: (k,) of those that are adapted to, among those of the tile.
    """

    of_slide: np.ndarray
    sampled: np.ndarray


class TilePart:
    """The candidates of one tile (see Part). Its pixels are read when they are needed.

    The adapted network sees what the shipped one saw: which candidates pass the screen is computed
    once, and so are the activations for which there is room.

    Attributes:
        places: of the candidates.
        stage: of the detection, for which `once` computes.
    """

    def __init__(
        self,
        asked: Network,
        candidates: TileCandidates,
        places: Places,
        read: Callable[[], np.ndarray],
        memo: Memo,
        rooms: Rooms,
    ) -> None:
        """Nothing is read yet.

        Args:
            asked: the network.
            candidates: of the tile, in px of its region.
            places: of them.
            read: returns the pixels of the region.
            memo: keeps what is finished of a tile.
            rooms: shared by all tiles.
        """
        self.cut, self.precision = asked.cut, asked.precision
        self.index: slice | np.ndarray = places.of_slide
        self.places, self.stage = places, ""
        self._asked, self._read, self._memo, self._room = asked, read, memo, rooms.one_view
        self._name, self._centres = candidates.tile.name, candidates.centres
        self._pixels: np.ndarray | None = None
        self._likely: np.ndarray | None = None
        self._chunks: list[torch.Tensor] | None = None
        self._sample: torch.Tensor | None = None
        self._viewed = KeptViews(rooms.all_views)

    def __len__(self) -> int:
        return len(self._centres)

    def likely(self) -> np.ndarray:
        """(k,) ascending indices of the candidates that the network is asked about."""
        if self._likely is None:
            self._likely = self._screened()
        return self._likely

    def chunks(self) -> Iterator[torch.Tensor]:
        """The activations of the likely candidates, in order, a chunk at a time."""
        likely = self.likely()
        if self._chunks is None and self._room.take(len(likely)):
            self._chunks = [chunk.cpu() for chunk in self.activations(likely)]
        return self.activations(likely) if self._chunks is None else iter(self._chunks)

    def activations(self, index: np.ndarray) -> Iterator[torch.Tensor]:
        """The activations of some candidates, in order, a chunk at a time."""
        return self._target(self._centres[index]).chunks()

    def views(self, index: np.ndarray) -> Iterator[torch.Tensor]:
        """Activations of some candidates in eight views."""
        return self._viewed.of(index, self._computed_views)

    def once(self, name: str, compute: Compute) -> np.ndarray:
        """What `compute` returns, or what it returned in a run that was interrupted."""
        return self._memo(f"{self.stage}/{self._name}-{name}", compute)

    def sample(self) -> torch.Tensor | None:
        """Activations of the candidates that are adapted to; None without any."""
        if self._sample is None and len(self.places.sampled):
            self._sample = torch.cat(list(self.activations(self.places.sampled)))
        return self._sample

    def finish(self) -> None:
        """Free the pixels, which are read again when they are needed.

        What is adapted to is computed before, so that the pixels need not be read again for it.
        """
        if self._pixels is not None and self._asked.room:
            self.sample()
        self._pixels = None

    def _computed_views(self, index: np.ndarray) -> Iterator[torch.Tensor]:
        return self._target(self._centres).views(index)

    def _screened(self) -> np.ndarray:
        screen = self._asked.screen
        if screen is None:
            return np.arange(len(self))
        return self._memo(
            f"screen/{self._name}", lambda: self._target(self._centres, screen).likely()
        )

    def _target(self, centres: np.ndarray, screen: Screen | None = None) -> TargetDomain:
        if self._pixels is None:
            self._pixels = self._read()
        network, cut, precision, seed, _, _ = self._asked
        return TargetDomain(
            network, self._pixels, centres, cut, precision, seed, keep=False, screen=screen
        )


def systematic_sample(count: int, most: int, seed: int) -> np.ndarray:
    """(k,) ascending indices: all, or `most` at even distances from a random start."""
    if count <= most:
        return np.arange(count)
    start = np.random.default_rng(seed).random()
    return np.floor((np.arange(most) + start) * count / most).astype(np.int64)
