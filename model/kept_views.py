"""Activations of candidates in all views, kept from one classification to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

# Candidates whose activations in all views are kept, because the adapted network is asked about
# nearly the same ones: 64 KB each in bfloat16.
MAX_VIEWED = 2048

Views = Callable[[np.ndarray], Iterator[torch.Tensor]]  # activations of some candidates, by view


class Room:
    """How many more candidates may have their activations kept."""

    def __init__(self, candidates: int) -> None:
        self._left = candidates

    def take(self, candidates: int) -> bool:
        """Whether so many more fit; if so, they are counted."""
        fits = candidates <= self._left
        self._left -= candidates if fits else 0
        return fits


class KeptViews:
    """Keeps the views of candidates as long as there is room, and computes the others again."""

    def __init__(self, room: Room) -> None:
        """Nothing is kept yet."""
        self._room = room
        self._kept: dict[int, torch.Tensor] = {}

    def of(self, index: np.ndarray, compute: Views) -> Iterator[torch.Tensor]:
        """The activations (k, …) of the candidates with these indices (k,), view by view.

        compute: returns those of some of them; it is not kept, because it may hold an image.
        """
        new = index[[candidate not in self._kept for candidate in index]]
        if not self._room.take(len(new)):
            yield from compute(index)
            return
        if len(new):
            views = torch.stack(list(compute(new)), dim=1)
            self._kept |= dict(zip(new, views, strict=True))
        yield from torch.stack([self._kept[candidate] for candidate in index], dim=1)
